"""A headless Chromium, as a reader's browser."""

import json
import shutil

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    # WebGL without a graphics card, and containers with little shared memory.
    "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-dev-shm-usage",
)  # fmt: skip


class Browser:
    """Chromium with what tests ask of it; ``profile`` is an empty folder."""

    def __init__(self, profile):
        from selenium import webdriver

        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))

    def close(self):
        """End the browser."""
        self.driver.quit()

    def open(self, address, width=1280, height=900, dark=False):
        """Load a page on a screen of this size."""
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600},
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        self.driver.get(address)

    def ask(self, script, *arguments):
        """What a piece of JavaScript returns."""
        return self.driver.execute_script(script, *arguments)

    def wait(self, script, *arguments, seconds=60):
        """Wait until a piece of JavaScript returns something true, and return that."""
        from selenium.webdriver.support.ui import WebDriverWait

        return WebDriverWait(self.driver, seconds, 0.1).until(lambda _: self.ask(script, *arguments))

    def click(self, selector):
        """Press what a CSS selector finds first."""
        self.driver.find_element("css selector", selector).click()

    def drag(self, selector, right, down):
        """Drag from the middle of an element."""
        from selenium.webdriver import ActionChains

        element = self.driver.find_element("css selector", selector)
        ActionChains(self.driver).drag_and_drop_by_offset(element, right, down).perform()

    def painted(self, selector):
        """Share of a canvas's pixels that are not transparent, and a sum that changes with the picture."""
        return self.ask(
            """
            const canvas = document.querySelector(arguments[0]);
            const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
            let seen = 0, sum = 0;
            for (let i = 0; i < data.length; i += 4) {
              seen += data[i + 3] > 0;
              sum = (31 * sum + data[i] + 3 * data[i + 1] + 7 * data[i + 2] + data[i + 3]) % 1000000007;
            }
            return [seen / (data.length / 4), sum];
            """,
            selector,
        )

    def sideways(self):
        """How many pixels of the page stick out at the right."""
        return self.ask("return document.documentElement.scrollWidth - document.documentElement.clientWidth;")

    def complaints(self):
        """Console errors and warnings since the last call, less those that only a test brings about."""
        entries = self.driver.get_log("browser")
        return [
            entry["message"]
            for entry in entries
            if entry["level"] in ("SEVERE", "WARNING")
            and not any(harmless in entry["message"] for harmless in ("GPU stall", "willReadFrequently"))
        ]

    def requests(self):
        """Addresses that were asked for over a network since the last call."""
        found = []
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                found.append(message["params"]["request"]["url"])
        return [address for address in found if address.startswith(("http", "ws"))]

    def photograph(self, path):
        """Save what is on the screen as .png."""
        self.driver.save_screenshot(str(path))
