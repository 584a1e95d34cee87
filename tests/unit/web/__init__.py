"""The page's JavaScript modules, without a browser: see `test_web`."""
