/* The viewer's page: what is chosen on the right is asked of the server, frame by frame, and drawn. */
(async () => {
  const NO_VERTEX = 0xffff, GREY = [140, 146, 154], BLUE = [0, 112, 194], GREEN = [70, 160, 90];
  const HUES = [[0, 112, 194], [196, 92, 20], [34, 139, 84], [140, 80, 170], [176, 140, 0], [200, 60, 90]];
  const COLOURS = { plain: "plain", correspondence: "correspondence", error: "error", confidence: "confidence" };
  const at = (id) => document.getElementById(id);
  if (!sshmr.works()) {
    at("message").textContent = "This browser offers no WebGL 2, which the viewer draws with.";
    return;
  }

  let { facts: run, arrays: body } = sshmr.unpack(await (await fetch("/run")).arrayBuffer());
  const first = Math.max(0, run.sequences.findIndex((sequence) => sequence.split === "test"));
  /* Everybody of the first person's scene is shown, where they were found in one. */
  const scene = run.sequences[first].recording;
  const together = run.sequences.map((_, i) => i).filter((i) => scene && run.sequences[i].recording === scene);
  const state = {
    sequences: new Set(scene ? together : [first]), stage: run.stages.length - 1,
    row: run.revision === null ? 0 : Infinity, colour: "plain",
    place: scene ? "source" : "centred", shown: new Set(["mesh", "cloud", ...(scene ? ["scene"] : [])]), playing: false,
  };
  const figure = new sshmr.Figure(at("canvas"), { page: false });
  const kept = new Map();
  let newest = 0, drawn = 0, aim = false;

  at("name").textContent = run.name;
  at("banner").hidden = !run.simulated;

  /* A frame from the server, or one of the last few that came. */
  function ask(sequence, row, stage = state.stage) {
    const chosen = run.stages[stage];
    return fetched(`/frame?sequence=${sequence}&row=${row}&round=${chosen.round}&stage=${chosen.stage}`);
  }

  function fetched(address) {
    if (!kept.has(address)) {
      kept.set(address, fetch(address).then(async (answer) => {
        if (!answer.ok) throw new Error((await answer.json()).error);
        return sshmr.unpack(await answer.arrayBuffer());
      }));
      if (kept.size > 120) kept.delete(kept.keys().next().value);
    }
    return kept.get(address);
  }

  /* The numbers of the frames that people of one scene have in common; null for sequences of their own. */
  function timeline() {
    const chosen = [...state.sequences].map((index) => run.sequences[index]);
    if (!chosen[0].recording || chosen.some((one) => one.recording !== chosen[0].recording)) return null;
    return [...new Set(chosen.flatMap((one) => one.numbers))].sort((a, b) => a - b);
  }

  const longest = () => timeline()?.length ?? Math.max(1, ...[...state.sequences].map((index) => run.sequences[index].frames));

  /* The row of a sequence at a moment, -1 where its person is not in the scene. */
  function rowOf(sequence, row) {
    const numbers = timeline();
    if (numbers) return run.sequences[sequence].numbers.indexOf(numbers[row]);
    return Math.min(row, run.sequences[sequence].frames - 1);
  }

  function pick(colours, ids) {
    const picked = new Uint8Array(3 * ids.length);
    ids.forEach((id, i) => picked.set(id === NO_VERTEX ? GREY : colours.subarray(3 * id, 3 * id + 3), 3 * i));
    return picked;
  }

  const sureness = (shares) => sshmr.heat(shares.map((share) => 255 - share));

  /* Colours of one frame's mesh and cloud. */
  function painted({ facts, arrays }, hue) {
    const vertices = arrays.mesh.length / 3, points = arrays.cloud.length / 3;
    const plain = { mesh: sshmr.uniform(sshmr.CLAY, vertices), cloud: sshmr.uniform(hue, points) };
    if (state.colour === "correspondence")
      return { mesh: body.colours, cloud: pick(body.colours, arrays.vertex_of_point) };
    if (state.colour === "error")
      return { mesh: arrays.errors ? sshmr.heat(arrays.errors) : plain.mesh, cloud: sshmr.heat(arrays.distances) };
    if (state.colour === "confidence" && facts.confidence !== null) {
      const share = Math.round(255 * facts.confidence);
      return {
        mesh: sureness(new Uint8Array(vertices).fill(share)),
        cloud: sureness(arrays.weights ?? new Uint8Array(points).fill(share)),
      };
    }
    return plain;
  }

  /* The source's origin, drawn as three axes of 30 cm: right, up, ahead. */
  const axes = {
    name: "origin", kind: "lines", colours: Uint8Array.from([[210, 60, 50], [60, 150, 70], [60, 110, 210]].flatMap((c) => [...c, ...c])),
    positions: Float32Array.from([0, 0, 0, 0.3, 0, 0, 0, 0, 0, 0, 0.3, 0, 0, 0, 0, 0, 0, 0.3]),
  };

  /* The faces of skin that the cloud shows, and the others; shown: bytes, a vertex each, absent where unknown. */
  function parted(faces, shown) {
    const parts = [[], []];
    for (let i = 0; i < faces.length; i += 3) {
      const corners = faces.subarray(i, i + 3);
      parts[shown && corners.reduce((sum, corner) => sum + shown[corner], 0) < 383 ? 1 : 0].push(...corners);
    }
    return parts;
  }

  function objectsOf(frame, place, hue) {
    const { facts, arrays } = frame, name = facts.frame_id, made = [], colours = painted(frame, hue);
    const common = { offset: place, faces: body.faces };
    const positions = (which) => sshmr.metres(arrays[which], facts.unit);
    if (state.shown.has("mesh")) {
      const mesh = { ...common, kind: "mesh", positions: positions("mesh"), colours: colours.mesh };
      const [seen, unseen] = parted(body.faces, arrays.shown);
      made.push({ ...mesh, name: `mesh ${name}`, drawn: seen });
      if (unseen.length) made.push({ ...mesh, name: `unseen ${name}`, drawn: unseen, opacity: 0.35 });
    }
    if (state.shown.has("cloud"))
      made.push({ name: `cloud ${name}`, kind: "cloud", positions: positions("cloud"), colours: colours.cloud, offset: place });
    if (state.shown.has("truth") && arrays.truth)
      made.push({ ...common, name: `truth ${name}`, kind: "mesh", positions: positions("truth"),
        colours: sshmr.uniform(GREEN, arrays.truth.length / 3), opacity: 0.45 });
    return made;
  }

  /* Draw what is chosen; with fit look at all of it, which outlasts a draw that a newer one overtakes. */
  async function refresh(fit = false) {
    aim ||= fit;
    const ticket = ++newest, chosen = [...state.sequences].sort((a, b) => a - b);
    const sequences = chosen.filter((sequence) => rowOf(sequence, state.row) >= 0);
    const inScene = state.place === "source" && state.shown.has("scene") && run.sequences[sequences[0]].recording;
    let frames, around;
    try {
      frames = await Promise.all(sequences.map((sequence) => ask(sequence, rowOf(sequence, state.row))));
      if (inScene) around = await fetched(`/scene?sequence=${sequences[0]}&row=${rowOf(sequences[0], state.row)}`);
    } catch (error) {
      at("message").textContent = error.message;
      return;
    }
    if (ticket !== newest) return;
    at("message").textContent = "";
    drawn = ticket;
    const objects = frames.flatMap((frame, i) => {
      const source = state.place === "source";
      const place = source ? frame.facts.offset : [1.3 * (i - (frames.length - 1) / 2), 0, 0];
      return objectsOf(frame, place, frames.length > 1 ? HUES[sequences[i] % HUES.length] : BLUE);
    });
    if (aim) figure.show(objects);
    const aimed = aim;
    if (aim) {
      // Several people stand in a row, which is seen from the front.
      if (state.place === "centred") figure.azimuth = frames.length > 1 ? 0 : frames[0].facts.azimuth;
      figure.fit();
      aim = false;
    }
    const surroundings = around ? [{ name: "scene", kind: "cloud", dot: 0.02, offset: around.facts.offset,
      positions: sshmr.metres(around.arrays.cloud, around.facts.unit), colours: sshmr.uniform(GREY, around.arrays.cloud.length / 3) }] : [];
    if (aimed && around) figure.azimuth = Math.atan2(-figure.target[0], -figure.target[2]);
    figure.show(state.place === "source" ? [...objects, ...surroundings, axes] : objects);
    describe(frames);
    const next = state.row + 1;
    if (state.playing) chosen.map((sequence) => [sequence, rowOf(sequence, next % longest())])
      .filter(([, row]) => row >= 0).forEach(([sequence, row]) => ask(sequence, row).catch(() => {}));
  }

  function describe(frames) {
    const millimetres = (value) => (value === null ? "–" : `${value.toFixed(0)} mm`);
    const [{ facts, arrays }] = frames;
    at("facts").textContent = frames.length > 1 ? `${frames.length} ${timeline() ? "people" : "sequences"}` :
      [facts.frame_id, facts.mpjpe === null ? "no ground truth" : `MPJPE ${millimetres(facts.mpjpe)}`,
        `residual ${facts.residual === null ? "–" : facts.residual.toFixed(1) + " mm"}`,
        facts.confidence === null ? "" : `confidence ${facts.confidence.toFixed(2)}`].filter(Boolean).join(" · ");
    at("number").textContent = `${state.row + 1} / ${longest()}`;
    at("frame").setAttribute("aria-valuetext", `frame ${facts.number}`);
    const scale = (from, to, what) => `${from}<i></i>${to} ${what}`;
    at("legend").innerHTML = {
      plain: state.shown.has("truth") && arrays.truth ? "green: the truth" : "",
      correspondence: `points in the colour of ${arrays.weights ? "the vertex their pseudo label names" : "the nearest vertex"}`,
      error: scale("0", run.far_mm, arrays.errors ? "mm from the truth (mesh), from the mesh (points)" : "mm from the mesh (points)"),
      confidence: scale("sure", "unsure", arrays.weights ? "(mesh: the fit, points: their labels)" : "(the whole fit)"),
    }[state.colour];
    document.title = `${run.name} · sshmr view`;
  }

  /* Buttons, of which one or several are pressed. */
  function choices(id, options, pressed, choose) {
    const make = ([key, label]) => {
      const button = document.createElement("button");
      button.textContent = label;
      button.dataset.key = key;
      button.onclick = () => { choose(key); mark(); };
      return button;
    };
    const buttons = options.map(make);
    const mark = () => buttons.forEach((button) => button.setAttribute("aria-pressed", pressed(button.dataset.key)));
    at(id).replaceChildren(...buttons);
    mark();
  }

  const stages = () => choices("stages", run.stages.map(({ round, stage }, i) => [String(i), `${round} ${stage}`]),
    (key) => Number(key) === state.stage, (key) => { state.stage = Number(key); refresh(); });
  stages();
  choices("colours", Object.entries(COLOURS),
    (key) => key === state.colour, (key) => { state.colour = key; refresh(); });
  const parts = ["mesh", "cloud", "truth", ...(run.sequences.some((one) => one.recording) ? ["scene"] : [])];
  choices("shown", parts.map((part) => [part, part]),
    (key) => state.shown.has(key), (key) => {
      if (!state.shown.delete(key)) state.shown.add(key);
      refresh();
    });
  choices("places", [["centred", "centred"], ["source", "the source's frame"]],
    (key) => key === state.place, (key) => { state.place = key; refresh(true); });

  function sequenceRow(sequence, index) {
    const label = document.createElement("label"), box = document.createElement("input");
    Object.assign(box, { type: "checkbox", checked: state.sequences.has(index), value: String(index) });
    box.onchange = () => {
      if (box.checked) state.sequences.add(index);
      else if (state.sequences.size > 1) state.sequences.delete(index);
      else box.checked = true;
      measure();
      refresh(true);
    };
    const hue = document.createElement("b"), note = document.createElement("small");
    hue.style.background = `rgb(${HUES[index % HUES.length]})`;
    note.textContent = `${sequence.split}, ${sequence.frames}`;
    label.append(box, hue, sequence.name, note);
    return label;
  }

  function measure() {
    at("frame").max = longest() - 1;
    state.row = Math.min(state.row, longest() - 1);
    at("frame").value = state.row;
  }

  function step(by) {
    state.row = (state.row + by + longest()) % longest();
    at("frame").value = state.row;
    return refresh();
  }

  async function play() {
    state.playing = !state.playing;
    at("play").textContent = state.playing ? "❚❚" : "▶";
    at("play").setAttribute("aria-label", state.playing ? "Pause" : "Play");
    while (state.playing)
      await Promise.all([step(1), new Promise((done) => setTimeout(done, 100))]);
  }

  const list = () => at("sequences").replaceChildren(...run.sequences.map(sequenceRow));

  /* Show new frames of a run that grows. A reader of the last frame stays at the end. */
  async function follow() {
    while (run.revision !== null) {
      await new Promise((done) => setTimeout(done, 500));
      let answer;
      try {
        answer = await fetch(`/run?since=${run.revision}`);
      } catch {
        at("message").textContent = "sshmr view has ended. This page shows what it had read.";
        return;
      }
      if (answer.status !== 200) continue;
      const before = run, atEnd = state.row === longest() - 1, chosen = before.stages[state.stage];
      ({ facts: run, arrays: body } = sshmr.unpack(await answer.arrayBuffer()));
      const same = (one, other) => one.name === other.name && one.split === other.split;
      const places = [...state.sequences].map((i) => run.sequences.findIndex((one) => same(one, before.sequences[i])));
      state.sequences = new Set(places.filter((place) => place >= 0));
      if (!state.sequences.size) state.sequences.add(0);
      state.stage = Math.max(0, run.stages.findIndex(({ round, stage }) => round === chosen.round && stage === chosen.stage));
      kept.clear();
      stages();
      list();
      measure();
      if (atEnd) at("frame").value = state.row = longest() - 1;
      await refresh();
    }
  }

  list();
  at("frame").oninput = () => { state.row = Number(at("frame").value); refresh(); };
  at("play").onclick = play;
  document.addEventListener("keydown", (event) => {
    if (event.target.matches("input, button")) return;
    if (event.key === " ") { event.preventDefault(); play(); }
    else if (event.key === "." || event.key === ",") step(event.key === "." ? 1 : -1);
  });
  measure();
  await refresh(true);
  follow();
  window.sshmrView = { figure, state, busy: () => drawn !== newest || Boolean(figure.waiting) };
})();
