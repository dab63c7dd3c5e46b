// WebAssembly's binary format, as far as the bundle's scripts look into it.

export const CUSTOM = 0;
export const IMPORT = 2;
const EXPORT = 7;
/** The sections that stand behind the exports. */
const BEHIND_EXPORTS = new Set([8, 9, 10, 11, 12]);
const FUNCTION = 0;
const TABLE = 1;
const MEMORY = 2;
const GLOBAL = 3;

export function* sectionsOf(wasm) {
  const reader = new Reader(wasm, 8);
  while (reader.at < wasm.length) {
    const header = reader.at;
    const id = reader.byte();
    const end = reader.number() + reader.at;
    const name = id === CUSTOM ? reader.text() : undefined;
    yield { id, name, header, start: reader.at, end };
    reader.at = end;
  }
}

/** The module with exports of all that it imports, but for functions, under the same names. It must export nothing yet. */
export function withImportsExported(wasm) {
  const sections = [...sectionsOf(wasm)];
  const own = sections.find(({ id }) => id === EXPORT);
  if (own && new Reader(wasm, own.start).number() > 0) throw new Error('The module has exports of its own.');
  const indices = { [TABLE]: 0, [MEMORY]: 0, [GLOBAL]: 0 };
  const exports = [...importsOf(wasm, sections.find(({ id }) => id === IMPORT))]
    .filter(({ kind }) => kind !== FUNCTION)
    .map(({ name, kind }) => Buffer.concat([number(name.length), Buffer.from(name), number(kind), number(indices[kind]++)]));
  const content = Buffer.concat([number(exports.length), ...exports]);
  const next = sections.find(({ id }) => BEHIND_EXPORTS.has(id));
  const section = [Buffer.from([EXPORT]), number(content.length), content];
  return Buffer.concat([wasm.subarray(0, (own ?? next).header), ...section, wasm.subarray(own?.end ?? next.header)]);
}

function* importsOf(wasm, section) {
  const reader = new Reader(wasm, section.start);
  for (let left = reader.number(); left > 0; left -= 1) {
    reader.text();
    const name = reader.text();
    const kind = reader.byte();
    if (kind === TABLE || kind === GLOBAL) reader.byte(); // What it holds.
    if (kind === TABLE || kind === MEMORY) {
      const hasMaximum = reader.number() & 1;
      reader.number();
      if (hasMaximum) reader.number();
    } else {
      reader.number();
    }
    yield { name, kind };
  }
}

/** Reads WebAssembly's binary format. */
export class Reader {
  constructor(bytes, at) {
    this.bytes = bytes;
    this.at = at;
  }

  byte() {
    return this.bytes[this.at++];
  }

  /** LEB128. The sign is of no interest here. */
  number() {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.byte();
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  }

  text() {
    const length = this.number();
    this.at += length;
    return this.bytes.toString('utf8', this.at - length, this.at);
  }
}

export function number(value) {
  const bytes = [];
  do {
    bytes.push((value % 128) | (value >= 128 ? 128 : 0));
    value = Math.floor(value / 128);
  } while (value > 0);
  return Buffer.from(bytes);
}
