/* The figures that turn: each strip's cloud with one of its meshes, chosen by its pictures. */
(() => {
  if (!sshmr.works()) return;
  const faces = sshmr.unpack(sshmr.fromBase64(document.getElementById("faces").textContent)).arrays.faces;
  const BLUE = [0, 112, 194], GREEN = [70, 160, 90];

  function begin(strip) {
    const box = strip.querySelector(".turning"), tiles = [...strip.querySelectorAll(".tile")];
    const { facts, arrays } = sshmr.unpack(sshmr.fromBase64(box.querySelector("script").textContent));
    const truth = tiles.find((tile) => tile.dataset.caption === "Truth");
    const pressed = new Set(["cloud"]);
    let mesh = Math.max(...tiles.map((tile) => Number(tile.dataset.mesh)));
    box.hidden = false;
    const figure = new sshmr.Figure(box.querySelector("canvas"), { azimuth: Number(box.dataset.azimuth) });
    const positions = (name) => sshmr.metres(arrays[name], facts.unit);

    function show() {
      const errors = arrays[`errors${mesh}`], distances = arrays[`distances${mesh}`];
      const count = arrays[`mesh${mesh}`].length / 3, points = arrays.cloud.length / 3;
      const objects = [{
        name: `mesh ${mesh}`, kind: "mesh", faces, positions: positions(`mesh${mesh}`),
        colours: pressed.has("errors") && errors ? sshmr.heat(errors) : sshmr.uniform(sshmr.CLAY, count),
      }];
      if (pressed.has("cloud"))
        objects.push({ name: "cloud", kind: "cloud", positions: positions("cloud"),
          colours: distances ? sshmr.heat(distances) : sshmr.uniform(BLUE, points) });
      if (pressed.has("truth") && truth)
        objects.push({ name: "truth", kind: "mesh", faces, opacity: 0.45, colours: sshmr.uniform(GREEN, count),
          positions: positions(`mesh${truth.dataset.mesh}`) });
      figure.show(objects);
      for (const tile of tiles) tile.classList.toggle("chosen", Number(tile.dataset.mesh) === mesh);
      box.querySelector("output").textContent = tiles.find((tile) => Number(tile.dataset.mesh) === mesh).dataset.caption;
    }

    for (const tile of tiles) {
      tile.style.cursor = "pointer";
      tile.addEventListener("click", () => { mesh = Number(tile.dataset.mesh); show(); });
    }
    for (const button of box.querySelectorAll("button"))
      button.addEventListener("click", () => {
        if (!pressed.delete(button.dataset.key)) pressed.add(button.dataset.key);
        button.setAttribute("aria-pressed", pressed.has(button.dataset.key));
        show();
      });
    show();
    figure.fit();
    return figure;
  }

  window.sshmrFigures = [...document.querySelectorAll(".strip")].map(begin);
})();
