"use strict";
// Draws the cortex with WebGL 2. Camera, unfolding and hinge are those of `core/src/scene`.
const header = JSON.parse(document.getElementById("header").textContent);
const bytes = Uint8Array.from(atob(document.getElementById("data").textContent.trim()), c => c.charCodeAt(0));
const kinds = { f4: Float32Array, i2: Int16Array, i1: Int8Array, u1: Uint8Array, u2: Uint16Array, u4: Uint32Array };
const array = name => {
  const part = header.arrays[name];
  return part && new kinds[part.kind](bytes.buffer, part.at, part.n);
};
const el = id => document.getElementById(id);
const canvas = el("view");
const gl = canvas.getContext("webgl2", { antialias: true, alpha: true, premultipliedAlpha: true });
const state = {
  map: 0, unfold: header.view.unfold, view: "Lateral", azimuth: 180, altitude: 90, zoom: 1, pan: [0, 0],
  chosen: null, significant: false,
};
// Pose and camera of each view: the sides that are shown, pivot, gap, azimuth, altitude.
const views = {
  "Lateral": { shown: [1, 1], pivot: 180, gap: 10, azimuth: 180, altitude: 90 },
  "Medial": { shown: [1, 1], pivot: 180, gap: 10, azimuth: 0, altitude: 90 },
  "Flat": { shown: [1, 1], pivot: null, gap: 0, azimuth: 180, altitude: 0, flat: true },
  "Left lateral": { shown: [1, 0], pivot: null, gap: 0, azimuth: 90, altitude: 90 },
  "Left medial": { shown: [1, 0], pivot: null, gap: 0, azimuth: 270, altitude: 90 },
  "Right lateral": { shown: [0, 1], pivot: null, gap: 0, azimuth: 270, altitude: 90 },
  "Right medial": { shown: [0, 1], pivot: null, gap: 0, azimuth: 90, altitude: 90 },
  "Dorsal": { shown: [1, 1], pivot: null, gap: 0, azimuth: 180, altitude: 0 },
  "Ventral": { shown: [1, 1], pivot: null, gap: 0, azimuth: 0, altitude: 180 },
  "Anterior": { shown: [1, 1], pivot: null, gap: 0, azimuth: 0, altitude: 90 },
  "Posterior": { shown: [1, 1], pivot: null, gap: 0, azimuth: 180, altitude: 90 },
};
if (!header.has_flat) delete views["Flat"];

const vertexShader = `#version 300 es
layout(location = 0) in vec3 folded; layout(location = 1) in vec3 inflated; layout(location = 2) in vec3 flattened;
layout(location = 3) in vec3 folded_normal; layout(location = 4) in vec3 inflated_normal;
layout(location = 5) in float value; layout(location = 6) in float q; layout(location = 7) in float curvature;
uniform vec3 scales, weights; uniform vec4 turn; uniform vec4 tilt; uniform vec3 move;
uniform mat4 projection; uniform vec3 back;
out float v_value, v_curvature, v_facing; flat out int v_vertex; flat out float v_q, v_nearest;
vec3 turned(vec3 p, float hinge, float posterior) {
  p = vec3(p.x * turn.y - (p.y - hinge) * turn.x, p.x * turn.x + (p.y - hinge) * turn.y + hinge, p.z);
  return vec3(p.x, (p.y - posterior) * tilt.y - p.z * tilt.x + posterior, (p.y - posterior) * tilt.x + p.z * tilt.y);
}
void main() {
  vec3 p = weights.x * scales.x * folded + weights.y * scales.y * inflated + weights.z * scales.z * flattened;
  vec3 n = weights.x * folded_normal + weights.y * inflated_normal + weights.z * vec3(move.y, 0.0, 0.0);
  p = turned(p, turn.z, turn.w); p.x += move.x;
  n = turned(n, 0.0, 0.0);
  v_facing = abs(dot(normalize(n), back));
  v_value = value; v_nearest = value; v_q = q; v_curvature = curvature; v_vertex = gl_VertexID;
  gl_Position = projection * vec4(p, 1.0);
}`;
const fragmentShader = `#version 300 es
precision highp float; precision highp int;
in float v_value, v_curvature, v_facing; flat in int v_vertex; flat in float v_q, v_nearest;
uniform sampler2D colours; uniform vec2 limits; uniform float light, level; uniform int picking;
out vec4 colour;
void main() {
  if (picking > 0) {
    int id = v_vertex + 1;
    colour = vec4(float(id & 255), float((id >> 8) & 255), float((id >> 16) & 255), float(picking) * 100.0) / 255.0;
    return;
  }
  float grey = v_curvature > 0.0 ? 0.625 : 0.375;
  vec3 rgb = vec3(grey);
  bool has_value = v_nearest > -1e30 && (level < 0.0 || (v_q >= 0.0 && v_q <= level));
  float value = v_value > -1e29 ? v_value : v_nearest;
  if (has_value) {
    float share = (value - limits.x) / max(limits.y - limits.x, 1e-20);
    rgb = texture(colours, vec2(clamp(share, 0.0, 1.0) * 255.0 / 256.0 + 0.5 / 256.0, 0.5)).rgb;
  }
  float shade = 1.0 + light * (0.25 + 0.75 * v_facing - 1.0);
  colour = vec4(rgb * shade, 1.0);
}`;

let program, places, sides = [];
function compile() {
  program = gl.createProgram();
  for (const [kind, text] of [[gl.VERTEX_SHADER, vertexShader], [gl.FRAGMENT_SHADER, fragmentShader]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, text);
    gl.compileShader(shader);
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader));
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  places = new Proxy({}, { get: (_, name) => gl.getUniformLocation(program, name) });
}
function buffer(target, data) {
  const made = gl.createBuffer();
  gl.bindBuffer(target, made);
  gl.bufferData(target, data, gl.STATIC_DRAW);
  return made;
}
function load() {
  sides = ["left", "right"].map(side => {
    const vao = gl.createVertexArray();
    gl.bindVertexArray(vao);
    const attribute = (at, data, n, type, normalised) => {
      if (!data) { gl.vertexAttrib3f(at, 0, 0, 0); return null; }
      const made = buffer(gl.ARRAY_BUFFER, data);
      gl.enableVertexAttribArray(at);
      gl.vertexAttribPointer(at, n, type, normalised, n === 3 && type === gl.BYTE ? 4 : 0, 0);
      return made;
    };
    const padded = data => {
      if (!data) return data;
      const out = new Int8Array(data.length / 3 * 4);
      for (let i = 0; i < data.length / 3; i++) for (let k = 0; k < 3; k++) out[4 * i + k] = data[3 * i + k];
      return out;
    };
    const points = name => {
      const data = array(`${side}.${name}`);
      if (!data) return data;
      return Float32Array.from(data);
    };
    attribute(0, points("folded"), 3, gl.FLOAT, false);
    attribute(1, points("inflated"), 3, gl.FLOAT, false);
    attribute(2, points("flat"), 3, gl.FLOAT, false);
    attribute(3, padded(array(`${side}.folded_normals`)), 3, gl.BYTE, true);
    attribute(4, padded(array(`${side}.inflated_normals`)), 3, gl.BYTE, true);
    const n = header.sides[side].n_vertices;
    const values = attribute(5, new Float32Array(n), 1, gl.FLOAT, false);
    const q = attribute(6, new Float32Array(n), 1, gl.FLOAT, false);
    attribute(7, Float32Array.from(array(`${side}.curvature`) || new Int8Array(n)), 1, gl.FLOAT, false);
    const index = name => {
      const data = array(`${side}.${name}`);
      if (!data) return null;
      const made = buffer(gl.ELEMENT_ARRAY_BUFFER, data);
      return { buffer: made, n: data.length, type: data instanceof Uint16Array ? gl.UNSIGNED_SHORT : gl.UNSIGNED_INT };
    };
    const folded = index("triangles"), flat = index("flat_triangles");
    return { name: side, vao, values, q, folded, flat, ...header.sides[side] };
  });
  gl.bindVertexArray(null);
  const texture = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, texture);
  gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGB, 256, 1, 0, gl.RGB, gl.UNSIGNED_BYTE, array("colours"));
  for (const [name, value] of [[gl.TEXTURE_MIN_FILTER, gl.NEAREST], [gl.TEXTURE_MAG_FILTER, gl.NEAREST], [gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE], [gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE]])
    gl.texParameteri(gl.TEXTURE_2D, name, value);
}
function values(side, map = state.map) { return array(`${side}.map${map}`); }
// NaN does not pass through every driver: no value is a very small one.
const passable = data => data ? data.map(v => Number.isFinite(v) ? v : -1e31) : data;
function showMap() {
  for (const side of sides) {
    gl.bindBuffer(gl.ARRAY_BUFFER, side.values);
    gl.bufferData(gl.ARRAY_BUFFER, passable(values(side.name)), gl.STATIC_DRAW);
    gl.bindBuffer(gl.ARRAY_BUFFER, side.q);
    gl.bufferData(gl.ARRAY_BUFFER, passable(array(`${side.name}.q`) || new Float32Array(side.n_vertices)), gl.STATIC_DRAW);
  }
  const map = header.maps[state.map];
  el("low").value = map.limits[0].toPrecision(3);
  el("high").value = map.limits[1].toPrecision(3);
  el("what").textContent = map.words;
  draw();
}
const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const radians = degrees => degrees * Math.PI / 180;
function pose() {
  const view = views[state.view], unfold = view.flat ? 1 : state.unfold;
  const n = 1 + (header.has_inflated ? 1 : 0) + (header.has_flat ? 1 : 0);
  const at = unfold * (n - 1), weight = k => Math.max(0, 1 - Math.abs(at - k));
  const weights = [weight(0), header.has_inflated ? weight(1) : 0, header.has_flat ? weight(n - 1) : 0];
  return { weights, flatness: header.has_flat ? weights[2] : 0, pivot: view.pivot, gap: view.gap, shown: view.shown };
}
function turnOf(side, pose) {
  const outwards = side.name === "left" ? 1 : -1;
  const pivot = pose.pivot === null ? 180 * pose.flatness : pose.pivot;
  const angle = radians(outwards * pivot / 2), tilt = radians(-90 * pose.flatness);
  const hinge = pivot >= 0 ? header.posterior : header.posterior + side.length;
  return { turn: [Math.sin(angle), Math.cos(angle), hinge, header.posterior], tilt: [Math.sin(tilt), Math.cos(tilt), 0, 0], move: [-outwards * pose.gap, -outwards, 0] };
}
function place(side, pose, vertex) {
  const { turn, tilt, move } = turnOf(side, pose), p = [0, 0, 0];
  ["folded", "inflated", "flat"].forEach((name, k) => {
    const data = array(`${side.name}.${name}`);
    if (data && pose.weights[k] > 0) for (let axis = 0; axis < 3; axis++) p[axis] += pose.weights[k] * side.scales[k] * data[3 * vertex + axis];
  });
  const [s, c, hinge, posterior] = turn;
  const q = [p[0] * c - (p[1] - hinge) * s, p[0] * s + (p[1] - hinge) * c + hinge, p[2]];
  return [q[0] + move[0], (q[1] - posterior) * tilt[1] - q[2] * tilt[0] + posterior, (q[1] - posterior) * tilt[0] + q[2] * tilt[1]];
}
function axes(flatness) {
  let azimuth = state.azimuth, altitude = state.altitude;
  if (flatness >= 1) { azimuth = 180; altitude = 0; }
  const a = radians(azimuth + 90), b = radians(altitude);
  const back = [Math.sin(b) * Math.cos(a), Math.sin(b) * Math.sin(a), Math.cos(b)];
  const right = [-Math.sin(a), Math.cos(a), 0];
  return [right, cross(back, right), back];
}
let fitted = null;
// The camera that fits everything that is shown, as `View::fit_to` finds it; kept until pose or size change.
function fit(pose, size) {
  const key = JSON.stringify([state.view, state.unfold, size]);
  if (fitted && fitted.key === key) return fitted;
  const view = views[state.view], turned = [state.azimuth, state.altitude];
  [state.azimuth, state.altitude] = [view.azimuth, view.altitude];
  const frame = axes(pose.flatness);
  [state.azimuth, state.altitude] = turned;
  const points = [];
  for (const [index, side] of sides.entries()) {
    if (!pose.shown[index]) continue;
    const triangles = array(`${side.name}.${pose.flatness > 0 ? "flat_triangles" : "triangles"}`);
    for (let i = 0; i < triangles.length; i += 5) points.push(place(side, pose, triangles[i]));
  }
  const seen = points.map(p => frame.map(axis => dot(axis, p)));
  const middle = [0, 1, 2].map(k => { let least = Infinity, most = -Infinity; for (const p of seen) { least = Math.min(least, p[k]); most = Math.max(most, p[k]); } return (least + most) / 2; });
  const tan = Math.tan(radians(22.5)) * 0.94, aspect = size[0] / size[1];
  let radius = 1;
  for (const p of seen) radius = Math.max(radius, p[2] - middle[2] + Math.max(Math.abs(p[0] - middle[0]) / (tan * aspect), Math.abs(p[1] - middle[1]) / tan));
  const target = [0, 1, 2].map(axis => middle[0] * frame[0][axis] + middle[1] * frame[1][axis] + middle[2] * frame[2][axis]);
  return fitted = { key, radius, target };
}
function render(picking) {
  const size = [canvas.width, canvas.height], now = pose(), camera = fit(now, size), [right, up, back] = axes(now.flatness);
  const height = 2 * camera.radius * Math.tan(radians(22.5)), radius = camera.radius / state.zoom;
  const target = camera.target.map((at, axis) => at + height * (state.pan[0] * right[axis] + state.pan[1] * up[axis]));
  const eye = target.map((at, axis) => at + radius * back[axis]);
  const f = 1 / Math.tan(radians(22.5)), aspect = size[0] / size[1], near = Math.max(1, radius - 400), far = radius + 400;
  const rows = [right.map(v => v * f / aspect), up.map(v => v * f)];
  const depth = [(far + near) / (near - far), 2 * far * near / (near - far)];
  const m = new Float32Array(16);
  for (let axis = 0; axis < 3; axis++) {
    m[4 * axis] = rows[0][axis]; m[4 * axis + 1] = rows[1][axis];
    m[4 * axis + 2] = depth[0] * back[axis]; m[4 * axis + 3] = -back[axis];
  }
  m[12] = -dot(rows[0], eye); m[13] = -dot(rows[1], eye); m[14] = -depth[0] * dot(back, eye) + depth[1]; m[15] = dot(back, eye);
  gl.viewport(0, 0, ...size);
  gl.clearColor(0, 0, 0, 0);
  gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
  gl.enable(gl.DEPTH_TEST); gl.enable(gl.CULL_FACE); gl.disable(gl.BLEND);
  gl.useProgram(program);
  gl.uniformMatrix4fv(places.projection, false, m);
  gl.uniform3fv(places.back, back);
  gl.uniform2f(places.limits, Number(el("low").value), Number(el("high").value));
  gl.uniform1f(places.light, 1 - now.flatness);
  gl.uniform1f(places.level, state.significant ? header.fdr_level : -1);
  gl.uniform3fv(places.weights, now.weights);
  for (const [index, side] of sides.entries()) {
    if (!now.shown[index]) continue;
    const { turn, tilt, move } = turnOf(side, now);
    gl.uniform3fv(places.scales, side.scales);
    gl.uniform4fv(places.turn, turn); gl.uniform4fv(places.tilt, tilt); gl.uniform3fv(places.move, move);
    gl.uniform1i(places.picking, picking ? index + 1 : 0);
    gl.cullFace(side.is_inside_out ? gl.FRONT : gl.BACK);
    const triangles = now.flatness > 0 ? side.flat : side.folded;
    gl.bindVertexArray(side.vao);
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, triangles.buffer);
    gl.drawElements(gl.TRIANGLES, triangles.n, triangles.type, 0);
  }
}
let asked = false;
function draw() {
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => { asked = false; resize(); render(false); legend(); });
}
function resize() {
  const ratio = window.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight].map(side => Math.max(1, Math.round(side * ratio)));
  if (canvas.width !== width || canvas.height !== height) { canvas.width = width; canvas.height = height; }
}
function legend() {
  el("least").textContent = el("low").value;
  el("most").textContent = el("high").value;
  el("without").textContent = state.significant ? "grey: not significant or no value" : "grey: no value";
}
// The vertex under a place of the picture: the picture of vertex numbers, drawn without smoothing.
let numbers = null;
function pick(x, y) {
  const size = [canvas.width, canvas.height];
  if (!numbers || numbers.size[0] !== size[0] || numbers.size[1] !== size[1]) {
    numbers = { frame: gl.createFramebuffer(), colour: gl.createRenderbuffer(), depth: gl.createRenderbuffer(), size };
    gl.bindFramebuffer(gl.FRAMEBUFFER, numbers.frame);
    gl.bindRenderbuffer(gl.RENDERBUFFER, numbers.colour);
    gl.renderbufferStorage(gl.RENDERBUFFER, gl.RGBA8, ...size);
    gl.framebufferRenderbuffer(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.RENDERBUFFER, numbers.colour);
    gl.bindRenderbuffer(gl.RENDERBUFFER, numbers.depth);
    gl.renderbufferStorage(gl.RENDERBUFFER, gl.DEPTH_COMPONENT24, ...size);
    gl.framebufferRenderbuffer(gl.FRAMEBUFFER, gl.DEPTH_ATTACHMENT, gl.RENDERBUFFER, numbers.depth);
  }
  gl.bindFramebuffer(gl.FRAMEBUFFER, numbers.frame);
  render(true);
  const pixel = new Uint8Array(4), ratio = canvas.width / canvas.clientWidth;
  gl.readPixels(Math.floor(x * ratio), canvas.height - 1 - Math.floor(y * ratio), 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, pixel);
  gl.bindFramebuffer(gl.FRAMEBUFFER, null);
  if (pixel[3] === 0) return null;
  return { side: Math.round(pixel[3] / 100) - 1, vertex: pixel[0] + 256 * pixel[1] + 65536 * pixel[2] - 1 };
}
function choose(hit) {
  state.chosen = hit;
  const box = el("chosen");
  box.replaceChildren();
  const line = (text, name) => { const p = document.createElement("p"); p.textContent = text; p.style.margin = "0"; if (name) p.className = name; box.append(p); };
  if (!hit) { line("Click the cortex to choose a vertex.", "weak"); return course(null); }
  const side = sides[hit.side].name, value = values(side)[hit.vertex];
  const regions = array(`${side}.regions`), region = regions && regions[hit.vertex];
  line(`${header.maps[state.map].words}: ${Number.isFinite(value) ? value.toFixed(3) : "no value"}`);
  line(`${region ? header.regions[region - 1] : "no region"}, ${side} hemisphere`);
  const voxels = array(`${side}.voxels`), voxel = voxels ? voxels[hit.vertex] - 1 : -1;
  if (voxel >= 0) line(`voxel ${voxel}`, "weak");
  box.dataset.value = String(value);
  box.dataset.vertex = String(hit.vertex);
  course(voxel);
}
// Measured and predicted time course of a voxel.
function course(voxel) {
  const plot = el("course"), ratio = window.devicePixelRatio || 1, list = array("courses.voxels");
  plot.width = Math.max(1, plot.clientWidth * ratio); plot.height = Math.max(1, plot.clientHeight * ratio);
  const context = plot.getContext("2d"), style = getComputedStyle(document.body);
  context.font = `${12 * ratio}px system-ui, sans-serif`;
  context.fillStyle = style.color;
  if (voxel === null || !list) return;
  const at = list.indexOf(voxel);
  if (at < 0) { context.fillText(`Time courses of the ${list.length} best voxels are in this file.`, 4, 16 * ratio); return; }
  const n = header.n_scans, scales = array("courses.scales");
  const line = (name, colour, scale) => {
    const all = array(name).subarray(at * n, (at + 1) * n);
    context.strokeStyle = colour; context.lineWidth = 1.5 * ratio; context.beginPath();
    all.forEach((value, scan) => {
      const x = 36 * ratio + scan / Math.max(1, n - 1) * (plot.width - 44 * ratio);
      const y = plot.height / 2 - value * scale / most * (plot.height / 2 - 14 * ratio);
      scan ? context.lineTo(x, y) : context.moveTo(x, y);
    });
    context.stroke();
  };
  const most = 127 * Math.max(scales[2 * at], scales[2 * at + 1], 1e-12);
  line("courses.measured", "#8a949c", scales[2 * at]);
  line("courses.predicted", style.getPropertyValue("--accent"), scales[2 * at + 1]);
  context.fillText("measured (grey) and predicted response over the test scans", 36 * ratio, 12 * ratio);
  context.fillText(most.toFixed(1), 2, 24 * ratio);
  context.fillText("0", 2, plot.height / 2 + 4 * ratio);
}
function setView(name) {
  state.view = name;
  [state.azimuth, state.altitude, state.zoom, state.pan] = [views[name].azimuth, views[name].altitude, 1, [0, 0]];
  draw();
}
function zoom(by, at) {
  const before = state.zoom;
  state.zoom = Math.min(24, Math.max(0.5, state.zoom * by));
  for (const axis of [0, 1]) state.pan[axis] += at[axis] / before - at[axis] / state.zoom;
  draw();
}
function listen() {
  for (const [index, map] of header.maps.entries()) el("map").append(new Option(map.words, index));
  el("map").onchange = () => { state.map = Number(el("map").value); showMap(); choose(state.chosen); };
  el("significant").onchange = () => { state.significant = el("significant").checked; draw(); };
  el("low").oninput = el("high").oninput = draw;
  el("unfold").value = state.unfold;
  el("unfold").oninput = () => { state.unfold = Number(el("unfold").value); if (state.view === "Flat") setView("Lateral"); draw(); };
  for (const name of Object.keys(views)) {
    const button = document.createElement("button");
    button.textContent = name;
    button.onclick = () => setView(name);
    el("views").append(button);
  }
  let drag = null;
  canvas.onpointerdown = event => { drag = { x: event.clientX, y: event.clientY, moved: 0 }; canvas.setPointerCapture(event.pointerId); };
  canvas.onpointermove = event => {
    if (!drag) return;
    const [dx, dy] = [event.clientX - drag.x, event.clientY - drag.y];
    drag = { x: event.clientX, y: event.clientY, moved: drag.moved + Math.abs(dx) + Math.abs(dy) };
    if (pose().flatness >= 1) { state.pan[0] -= dx / canvas.clientHeight / state.zoom; state.pan[1] += dy / canvas.clientHeight / state.zoom; }
    else { state.azimuth -= 0.4 * dx; state.altitude = Math.min(180, Math.max(0, state.altitude - 0.4 * dy)); }
    draw();
  };
  canvas.onpointerup = event => {
    if (drag && drag.moved < 4) { const box = canvas.getBoundingClientRect(); choose(pick(event.clientX - box.left, event.clientY - box.top)); draw(); }
    drag = null;
  };
  canvas.addEventListener("wheel", event => {
    event.preventDefault();
    const box = canvas.getBoundingClientRect();
    zoom(Math.exp(-event.deltaY / 500), [(event.clientX - box.left - box.width / 2) / box.height, -(event.clientY - box.top - box.height / 2) / box.height]);
  }, { passive: false });
  canvas.onkeydown = event => {
    const turns = { ArrowLeft: [10, 0], ArrowRight: [-10, 0], ArrowUp: [0, 10], ArrowDown: [0, -10] }[event.key];
    if (turns) { state.azimuth += turns[0]; state.altitude = Math.min(180, Math.max(0, state.altitude + turns[1])); draw(); event.preventDefault(); }
    if (event.key === "+" || event.key === "=") zoom(1.25, [0, 0]);
    if (event.key === "-") zoom(0.8, [0, 0]);
  };
  window.onresize = draw;
}
function bar() {
  const context = el("bar").getContext("2d"), image = context.createImageData(256, 1), colours = array("colours");
  for (let i = 0; i < 256; i++) { for (let k = 0; k < 3; k++) image.data[4 * i + k] = colours[3 * i + k]; image.data[4 * i + 3] = 255; }
  context.putImageData(image, 0, 0);
}
if (!gl) {
  el("chosen").textContent = "This browser does not support WebGL 2. Open the file in a current Firefox, Chrome, Edge or Safari.";
} else {
  compile(); load(); listen(); bar(); showMap(); choose(null);
}
