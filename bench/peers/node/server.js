// The server that a user might write in Node instead of running ours:
// fastify takes a JPEG, sharp decodes and letterboxes it, onnxruntime-node
// classifies it, the image goes to a folder and a row to SQLite.
//
//   node server.js MODEL_DIR DATA_DIR THREADS
//
// It prints its address when it is ready, and ends with its standard input.
"use strict";

const { randomUUID } = require("node:crypto");
const { readFileSync } = require("node:fs");
const { mkdir, writeFile } = require("node:fs/promises");
const { join } = require("node:path");
const Database = require("libsql");
const fastify = require("fastify");
const ort = require("onnxruntime-node");
const sharp = require("sharp");

const [modelDir, dataDir, threads] = process.argv.slice(2);
const card = JSON.parse(readFileSync(join(modelDir, "card.json"), "utf8"));
const { width, height, mean, deviation, fill } = card.input;
if (card.input.resize !== "letterbox" || card.input.colour !== "rgb") throw new Error("the peer reads RGB letterboxes only");

// The tensor's value of each level of each channel.
const levels = mean.map((m, c) => Float32Array.from({ length: 256 }, (_, v) => (v / 255 - m) / deviation[c]));

async function tensor(jpeg) {
  const pixels = await sharp(jpeg)
    .resize(width, height, { fit: "contain", kernel: "linear", background: { r: fill[0], g: fill[1], b: fill[2] } })
    .removeAlpha()
    .raw()
    .toBuffer();
  const plane = width * height;
  const data = new Float32Array(3 * plane);
  for (let i = 0, k = 0; i < plane; i++) {
    data[i] = levels[0][pixels[k++]];
    data[plane + i] = levels[1][pixels[k++]];
    data[2 * plane + i] = levels[2][pixels[k++]];
  }
  return new ort.Tensor("float32", data, [1, 3, height, width]);
}

function best(logits) {
  const scaled = Array.from(logits, (v) => v / card.temperature);
  const top = Math.max(...scaled);
  const exps = scaled.map((v) => Math.exp(v - top));
  const total = exps.reduce((a, b) => a + b);
  const i = exps.indexOf(Math.max(...exps));
  return { item_class: card.classes[i], confidence: exps[i] / total };
}

async function main() {
  sharp.concurrency(Number(threads));
  sharp.cache(false);
  const session = await ort.InferenceSession.create(join(modelDir, "model.onnx"), {
    intraOpNumThreads: Number(threads),
    interOpNumThreads: 1,
  });
  await mkdir(join(dataDir, "images"), { recursive: true });
  const db = new Database(join(dataDir, "peer.db"));
  db.pragma("journal_mode = WAL");
  db.pragma("synchronous = NORMAL");
  db.exec("CREATE TABLE inspections (id TEXT PRIMARY KEY, bin TEXT, item_class TEXT, confidence REAL, image TEXT, at TEXT)");
  const insert = db.prepare("INSERT INTO inspections VALUES (?, ?, ?, ?, ?, ?)");

  const app = fastify({ bodyLimit: 16 << 20 });
  app.addContentTypeParser("image/jpeg", { parseAs: "buffer" }, (_, body, done) => done(null, body));
  app.post("/bins/:bin/deposits", async (request, reply) => {
    const id = randomUUID();
    const path = join(dataDir, "images", `${id}.jpg`);
    const [result] = await Promise.all([
      tensor(request.body).then((input) => session.run({ [card.input.name]: input }, [card.output.logits])),
      writeFile(path, request.body),
    ]);
    const found = best(result[card.output.logits].data);
    insert.run(id, request.params.bin, found.item_class, found.confidence, path, new Date().toISOString());
    return reply.code(201).send({ id, ...found });
  });
  console.log(await app.listen({ host: "127.0.0.1", port: 0 }));
  process.stdin.resume().on("end", () => process.exit(0));
}

main();
