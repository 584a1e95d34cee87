from tests.browser.browser import Window
from tests.e2e.server_process import ServerProcess


async def test_page_says_how_to_install_the_client_when_it_is_missing(
    window: Window, server: ServerProcess
) -> None:
    """The page shows the command and a button to try again."""
    tab = await window.tab()
    await tab.block("**/socket.io/socket.io.js", "npm ci --prefix /somewhere/app/web")

    await tab.page("goto", server.url)
    await tab.sees("role=alert >> text=npm ci --prefix /somewhere/app/web")
    await tab.unblock()
    await tab.click("role=button[name='Try again']")

    await tab.sees("#users a:has-text('Alice')")


async def test_page_shows_the_servers_refusal_when_it_is_opened_from_elsewhere(
    window: Window, server: ServerProcess
) -> None:
    """The server issues tokens only to pages whose host name means this machine."""
    tab = await window.tab()

    await tab.page("goto", server.url.replace("127.0.0.1", "elsewhere.localhost"))

    await tab.sees("role=alert >> text=Only for this machine and CORS_ORIGINS.")


async def test_user_stays_the_same_when_the_page_is_loaded_again(
    window: Window, server: ServerProcess
) -> None:
    """The page's address names the user. The browser stores no token."""
    tab = await window.tab()
    await tab.sign_in(server.url, "Erin")

    await tab.page("reload")
    await tab.is_online()
    name = await tab.text("#me-name")
    stored = await tab.evaluate("() => JSON.stringify([localStorage, sessionStorage])")
    await tab.click("role=button[name='Switch user']")
    await tab.sees("#users a:has-text('Erin')")

    assert "Erin" == name
    assert '[{},{"chatgenius channel of user_erin":"\\"quiet\\""}]' == stored
