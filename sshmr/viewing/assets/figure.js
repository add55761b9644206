"use strict";
/* Meshes and clouds that a reader turns. No library: a page carries this file in itself and needs no network.
   One WebGL context draws every figure of a page, each onto a canvas of its own. */
const sshmr = (() => {
  const TYPES = { int16: Int16Array, uint8: Uint8Array, uint16: Uint16Array, uint32: Uint32Array };
  const CLAY = [237, 232, 224], FIELD = Math.tan(Math.PI / 12);
  const COLD_TO_HOT = [[0, 112, 194], [158, 82, 158], [224, 51, 26]];

  /* What sshmr/viewing/payload.py wrote: {facts, arrays}. */
  function unpack(buffer) {
    const size = new DataView(buffer).getUint32(0, true);
    const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, size)));
    const arrays = {};
    for (const [name, place] of Object.entries(head.arrays))
      arrays[name] = new TYPES[place.type](buffer, 4 + size + place.start, place.count);
    return { facts: head.facts, arrays };
  }

  function fromBase64(text) {
    return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer;
  }

  /* Colours, three bytes an element. */
  const uniform = (colour, count) => Uint8Array.from({ length: 3 * count }, (_, i) => colour[i % 3]);

  function heat(shares) {
    const colours = new Uint8Array(3 * shares.length);
    shares.forEach((share, i) => {
      const place = share / 255 * 2, low = Math.min(1, Math.floor(place)), part = place - low;
      for (let c = 0; c < 3; c++)
        colours[3 * i + c] = (1 - part) * COLD_TO_HOT[low][c] + part * COLD_TO_HOT[low + 1][c];
    });
    return colours;
  }

  function metres(quantised, unit) {
    return Float32Array.from(quantised, (value) => value * unit);
  }

  /* Normals at vertices, each triangle by its area. */
  function normalsOf(positions, faces) {
    const normals = new Float32Array(positions.length);
    for (let f = 0; f < faces.length; f += 3) {
      const a = 3 * faces[f], b = 3 * faces[f + 1], c = 3 * faces[f + 2];
      const ux = positions[b] - positions[a], uy = positions[b + 1] - positions[a + 1];
      const uz = positions[b + 2] - positions[a + 2], vx = positions[c] - positions[a];
      const vy = positions[c + 1] - positions[a + 1], vz = positions[c + 2] - positions[a + 2];
      const nx = uy * vz - uz * vy, ny = uz * vx - ux * vz, nz = ux * vy - uy * vx;
      for (const corner of [a, b, c]) {
        normals[corner] += nx;
        normals[corner + 1] += ny;
        normals[corner + 2] += nz;
      }
    }
    return normals;
  }

  const VERTEX = `#version 300 es
    in vec3 position; in vec3 normal; in vec3 colour;
    uniform mat3 axes; uniform vec3 shift; uniform vec4 lens; uniform float dot;
    out vec3 shade, tint;
    void main() {
      vec3 seen = axes * (position + shift);
      float depth = lens.w - seen.z, near = 0.02 * lens.w, far = 40.0 * lens.w;
      gl_Position = vec4(seen.xy * lens.xy, (depth * (far + near) - 2.0 * far * near) / (far - near), depth);
      gl_PointSize = max(2.5, dot * lens.z / depth);
      shade = axes * normal; tint = colour;
    }`;
  const FRAGMENT = `#version 300 es
    precision highp float;
    in vec3 shade, tint; uniform float opacity; uniform int kind; out vec4 paint;
    void main() {
      vec3 colour = tint;
      if (kind == 0) {
        vec3 n = normalize(shade);
        float facing = clamp(n.z, 0.0, 1.0);
        float light = clamp(0.68 * max(dot(n, vec3(-0.45, 0.6, 0.66)), 0.0) + 0.1 + 0.1 * n.y + 0.12 * facing, 0.0, 1.0);
        colour = mix(tint * vec3(0.32, 0.37, 0.48), tint, light) * (1.0 - 0.5 * pow(1.0 - facing, 3.0));
      }
      if (kind == 1 && length(gl_PointCoord - 0.5) > 0.5) discard;
      paint = vec4(colour, 1.0) * opacity;
    }`;
  const KINDS = { mesh: 0, cloud: 1, lines: 2 };

  let shared;
  /* The context of the page, or null where the browser has no WebGL 2. */
  function context() {
    if (shared !== undefined) return shared;
    const canvas = document.createElement("canvas");
    const gl = canvas.getContext("webgl2", { antialias: true, premultipliedAlpha: true });
    if (!gl) return (shared = null);
    const program = gl.createProgram();
    for (const [kind, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, text);
      gl.compileShader(shader);
      if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader));
      gl.attachShader(program, shader);
    }
    ["position", "normal", "colour"].forEach((name, place) => gl.bindAttribLocation(program, place, name));
    gl.linkProgram(program);
    const uniforms = {};
    for (const name of ["axes", "shift", "lens", "dot", "opacity", "kind"])
      uniforms[name] = gl.getUniformLocation(program, name);
    gl.useProgram(program);
    gl.enable(gl.DEPTH_TEST);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    return (shared = { gl, canvas, uniforms });
  }

  function buffer(gl, target, data) {
    const made = gl.createBuffer();
    gl.bindBuffer(target, made);
    gl.bufferData(target, data, gl.STATIC_DRAW);
    return made;
  }

  /* One canvas. Its objects: {name, kind: "mesh" | "cloud" | "lines", positions, colours, faces, drawn (those of
     the faces that are drawn, all if absent), offset, opacity, dot}; positions are Float32Array in metres, colours bytes, dot a point's width in metres. */
  class Figure {
    constructor(canvas, { azimuth = 0, elevation = 0.12, page = true } = {}) {
      Object.assign(this, { canvas, azimuth, elevation, objects: [], target: [0, 0, 0], distance: 4 });
      this.page = page;
      this.listen();
      new ResizeObserver(() => this.redraw()).observe(canvas);
    }

    show(objects) {
      const { gl } = context();
      for (const object of this.objects) object.buffers.forEach((old) => gl.deleteBuffer(old));
      this.objects = objects.map((object) => {
        const normals = object.kind === "mesh" ? normalsOf(object.positions, object.faces) : object.positions;
        const buffers = [object.positions, normals, object.colours].map((data) => buffer(gl, gl.ARRAY_BUFFER, data));
        if (object.faces) buffers.push(buffer(gl, gl.ELEMENT_ARRAY_BUFFER, Uint32Array.from(object.drawn ?? object.faces)));
        return { offset: [0, 0, 0], opacity: 1, dot: 0.013, ...object, buffers };
      });
      this.redraw();
    }

    /* Look at all objects but lines. */
    fit() {
      const low = [Infinity, Infinity, Infinity], high = [-Infinity, -Infinity, -Infinity];
      for (const { kind, positions, offset } of this.objects) {
        if (kind === "lines") continue;
        for (let i = 0; i < positions.length; i++) {
          const value = positions[i] + offset[i % 3];
          if (value < low[i % 3]) low[i % 3] = value;
          if (value > high[i % 3]) high[i % 3] = value;
        }
      }
      if (low[0] > high[0]) return;
      this.target = low.map((value, k) => (value + high[k]) / 2);
      const across = Math.hypot(high[0] - low[0], high[2] - low[2]), along = high[1] - low[1];
      const aspect = this.canvas.clientWidth / Math.max(this.canvas.clientHeight, 1) || 1;
      this.distance = 0.56 * Math.max(along, across / aspect) / FIELD + across / 2;
      this.redraw();
    }

    axes() {
      const [sa, ca] = [Math.sin(this.azimuth), Math.cos(this.azimuth)];
      const [se, ce] = [Math.sin(this.elevation), Math.cos(this.elevation)];
      return [ca, 0, -sa, -sa * se, ce, -ca * se, sa * ce, se, ca * ce];
    }

    redraw() {
      if (this.waiting) return;
      this.waiting = true;
      requestAnimationFrame(() => { this.waiting = false; this.draw(); });
    }

    draw() {
      const { canvas: screen } = this, { gl, canvas, uniforms } = context();
      const scale = Math.min(window.devicePixelRatio || 1, 2);
      const width = Math.round(screen.clientWidth * scale), height = Math.round(screen.clientHeight * scale);
      if (!width || !height) return;
      if (screen.width !== width || screen.height !== height) Object.assign(screen, { width, height });
      if (canvas.width < width || canvas.height < height)
        Object.assign(canvas, { width: Math.max(width, canvas.width), height: Math.max(height, canvas.height) });
      gl.viewport(0, canvas.height - height, width, height);
      gl.depthMask(true);
      gl.clearColor(0, 0, 0, 0);
      gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
      gl.uniformMatrix3fv(uniforms.axes, true, this.axes());
      const lens = [height / width / FIELD, 1 / FIELD, height / 2 / FIELD, this.distance];
      gl.uniform4fv(uniforms.lens, lens);
      for (const object of [...this.objects].sort((a, b) => b.opacity - a.opacity)) this.paint(gl, uniforms, object);
      const pen = screen.getContext("2d");
      pen.clearRect(0, 0, width, height);
      pen.drawImage(canvas, 0, 0, width, height, 0, 0, width, height);
    }

    paint(gl, uniforms, object) {
      const [positions, normals, colours, faces] = object.buffers;
      gl.uniform3fv(uniforms.shift, object.offset.map((value, k) => value - this.target[k]));
      gl.uniform1f(uniforms.dot, object.dot);
      gl.uniform1f(uniforms.opacity, object.opacity);
      gl.uniform1i(uniforms.kind, KINDS[object.kind]);
      [positions, normals].forEach((data, place) => {
        gl.bindBuffer(gl.ARRAY_BUFFER, data);
        gl.enableVertexAttribArray(place);
        gl.vertexAttribPointer(place, 3, gl.FLOAT, false, 0, 0);
      });
      gl.bindBuffer(gl.ARRAY_BUFFER, colours);
      gl.enableVertexAttribArray(2);
      gl.vertexAttribPointer(2, 3, gl.UNSIGNED_BYTE, true, 0, 0);
      const solid = object.opacity >= 1;
      (solid ? gl.disable : gl.enable).call(gl, gl.BLEND);
      (solid ? gl.disable : gl.enable).call(gl, gl.CULL_FACE);
      gl.depthMask(solid);
      if (object.kind === "mesh") {
        gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, faces);
        gl.drawElements(gl.TRIANGLES, (object.drawn ?? object.faces).length, gl.UNSIGNED_INT, 0);
      } else gl.drawArrays(object.kind === "cloud" ? gl.POINTS : gl.LINES, 0, object.positions.length / 3);
    }

    turn(right, up) {
      this.azimuth -= right;
      this.elevation = Math.max(-1.5, Math.min(1.5, this.elevation + up));
      this.redraw();
    }

    move(right, up) {
      const axes = this.axes(), step = 2 * FIELD * this.distance / this.canvas.clientHeight;
      this.target = this.target.map((value, k) => value - step * (right * axes[k] - up * axes[3 + k]));
      this.redraw();
    }

    zoom(factor) {
      this.distance = Math.max(0.3, Math.min(200, this.distance * factor));
      this.redraw();
    }

    /* Drag turns, two fingers or the right button move, pinch or wheel zooms; in a page that scrolls (page: true)
       the wheel zooms only with Ctrl, and fingers that go up and down scroll. */
    listen() {
      const { canvas } = this, held = new Map();
      canvas.style.touchAction = this.page ? "pan-y" : "none";
      canvas.tabIndex = 0;
      const gap = () => { const [a, b] = held.values(); return Math.hypot(a.x - b.x, a.y - b.y); };
      canvas.addEventListener("pointerdown", (event) => {
        canvas.setPointerCapture(event.pointerId);
        held.set(event.pointerId, { x: event.clientX, y: event.clientY });
      });
      canvas.addEventListener("pointermove", (event) => {
        const last = held.get(event.pointerId);
        if (!last) return;
        const [right, down] = [event.clientX - last.x, event.clientY - last.y];
        const before = held.size === 2 ? gap() : 0;
        held.set(event.pointerId, { x: event.clientX, y: event.clientY });
        if (held.size === 2) { this.zoom(before / gap()); this.move(right / 2, down / 2); }
        else if (event.buttons === 2 || event.shiftKey) this.move(right, down);
        else this.turn(0.01 * right, 0.01 * down);
      });
      for (const end of ["pointerup", "pointercancel"])
        canvas.addEventListener(end, (event) => held.delete(event.pointerId));
      canvas.addEventListener("contextmenu", (event) => event.preventDefault());
      canvas.addEventListener("wheel", (event) => {
        if (this.page && !event.ctrlKey) return;
        event.preventDefault();
        this.zoom(Math.exp(0.0015 * event.deltaY));
      }, { passive: false });
      canvas.addEventListener("keydown", (event) => {
        const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
        if (steps[event.key]) this.turn(...steps[event.key].map((step) => 0.15 * step));
        else if (event.key === "+") this.zoom(0.9);
        else if (event.key === "-") this.zoom(1.1);
        else return;
        event.preventDefault();
      });
    }
  }

  return { Figure, unpack, fromBase64, uniform, heat, metres, CLAY, works: () => context() !== null };
})();
