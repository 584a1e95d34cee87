// Controls a real Chromium for the tests in Python. Commands arrive on stdin, and results leave on
// stdout: one JSON text per line.
import { createInterface } from "node:readline";
import axe from "axe-core";
import { chromium } from "playwright-core";

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

const AXE_OPTIONS = {
  resultTypes: ["violations"],
  runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
};

// Playwright creates a profile folder for this browser, and removes the folder at the end.
const browser = await chromium.launch({ executablePath: process.argv[2], args: FLAGS });
// This is shorter than the time for which tests/browser/browser.py waits for a result.
const TIMEOUT_MS = 60_000;
const windows = new Map();
const tabs = new Map();

const commands = {
  /** Opens a browser window without history; its tabs share storage. */
  async openWindow({ window, options }) {
    const context = await browser.newContext(options);
    context.setDefaultTimeout(TIMEOUT_MS);
    windows.set(window, context);
  },

  async closeWindow({ window }) {
    await windows.get(window).close();
  },

  async openTab({ window, tab }) {
    const page = await windows.get(window).newPage();
    const problems = [];
    page.on("pageerror", (error) => problems.push(String(error)));
    page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
    tabs.set(tab, { page, problems });
  },

  page: ({ tab, method, args }) => tabs.get(tab).page[method](...args),

  keyboard: ({ tab, method, args }) => tabs.get(tab).page.keyboard[method](...args),

  element: ({ tab, selector, method, args }) =>
    tabs.get(tab).page.locator(selector)[method](...args),

  evaluate: ({ tab, source }) => tabs.get(tab).page.evaluate(`(${source})()`),

  problems: ({ tab }) => tabs.get(tab).problems,

  /** Returns the violations that axe-core finds in the page now: one line for each element. */
  async objections({ tab }) {
    const { page } = tabs.get(tab);
    if (!(await page.evaluate("'axe' in globalThis"))) await page.evaluate(axe.source);
    const { violations } = await page.evaluate(`axe.run(${JSON.stringify(AXE_OPTIONS)})`);
    return violations.flatMap(({ id, nodes }) =>
      nodes.map(({ target, failureSummary }) => `${id}: ${target}: ${failureSummary}`),
    );
  },

  /** Replaces the lifetime in a tab's token requests. */
  async tokenLife({ tab, ttlSeconds }) {
    const { page } = tabs.get(tab);
    await page.unrouteAll();
    await page.route("**/dev/token", (route) => {
      const wanted = { ...route.request().postDataJSON(), ttlSeconds };
      return route.continue({ postData: JSON.stringify(wanted) });
    });
  },

  /** Answers a tab's token requests with this token. */
  async fixedToken({ tab, token }) {
    await tabs.get(tab).page.route("**/dev/token", (route) => route.fulfill({ json: { token } }));
  },

  async block({ tab, pattern, text }) {
    await tabs.get(tab).page.route(pattern, (route) =>
      text === null ? route.abort() : route.fulfill({ status: 404, body: text }),
    );
  },

  async unblock({ tab }) {
    await tabs.get(tab).page.unrouteAll();
  },
};

async function answer(line) {
  const { id, command, ...parameters } = JSON.parse(line);
  try {
    const result = await commands[command](parameters);
    const isData = result === null || typeof result !== "object" || Array.isArray(result);
    return { id, result: isData ? result : null };
  } catch (error) {
    return { id, error: String(error) };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  answer(line).then((report) => process.stdout.write(`${JSON.stringify(report)}\n`));
}
await browser.close();
