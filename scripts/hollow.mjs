// Empties functions of a compiled program that nothing calls, though the compiler cannot know it; what only they used
// goes with them.
//
// The program is the linker's, with relocations (build.rs). A function's body keeps its length, so that nothing moves: it
// becomes one instruction that traps. What its relocations named is no longer used by it.

import { CUSTOM, IMPORT, Reader, number, sectionsOf } from './wasm.mjs';

const CODE = 10;
const FUNCTION_NAMES = 1;
const UNREACHABLE = 0x00;
const NOP = 0x01;
const END = 0x0b;
/** The kinds of relocation that carry an addend. */
const WITH_ADDEND = new Set([3, 4, 5, 8, 9, 11, 14, 15, 16, 17, 21, 22, 23, 25]);

/** The program without the insides of the functions that `isDead(name, bytes)`; names are mangled. */
export function hollow(wasm, isDead) {
  const sections = [...sectionsOf(wasm)];
  const section = (id, name) => sections.find((one) => one.id === id && one.name === name);
  const [code, names, relocations] = [section(CODE), section(CUSTOM, 'name'), section(CUSTOM, 'reloc.CODE')];
  if (!code || !names || !relocations) throw new Error('The program has no names or no relocations to go by.');

  const nameOf = new Map(functionNames(wasm, names));
  const emptied = Buffer.from(wasm);
  const ranges = [];
  let index = importedFunctions(wasm, section(IMPORT));
  for (const { start, end } of bodiesOf(wasm, code)) {
    if (isDead(nameOf.get(index) ?? '', end - start)) {
      emptied.fill(NOP, start, end);
      emptied[start] = 0; // No locals.
      emptied[start + 1] = UNREACHABLE;
      emptied[end - 1] = END;
      ranges.push({ start: start - code.start, end: end - code.start });
    }
    index += 1;
  }
  const kept = relocationsOutside(wasm, relocations, ranges);
  return Buffer.concat([emptied.subarray(0, relocations.header), kept, emptied.subarray(relocations.end)]);
}

function importedFunctions(wasm, section) {
  if (!section) return 0;
  const reader = new Reader(wasm, section.start);
  let functions = 0;
  for (let left = reader.number(); left > 0; left -= 1) {
    reader.text();
    reader.text();
    const kind = reader.byte();
    if (kind !== 0) throw new Error(`An import of kind ${kind} was not expected before the program is cut.`);
    reader.number();
    functions += 1;
  }
  return functions;
}

function* bodiesOf(wasm, section) {
  const reader = new Reader(wasm, section.start);
  for (let left = reader.number(); left > 0; left -= 1) {
    const end = reader.number() + reader.at;
    yield { start: reader.at, end };
    reader.at = end;
  }
}

function* functionNames(wasm, section) {
  const reader = new Reader(wasm, section.start);
  while (reader.at < section.end) {
    const id = reader.byte();
    const end = reader.number() + reader.at;
    if (id === FUNCTION_NAMES) {
      for (let left = reader.number(); left > 0; left -= 1) yield [reader.number(), reader.text()];
    }
    reader.at = end;
  }
}

/** The section of relocations anew, without those in the ranges, which are in ascending order as they are. */
function relocationsOutside(wasm, section, ranges) {
  const reader = new Reader(wasm, section.start);
  const target = reader.number();
  const kept = [];
  let range = 0;
  for (let left = reader.number(); left > 0; left -= 1) {
    const start = reader.at;
    const kind = reader.byte();
    const offset = reader.number();
    reader.number();
    if (WITH_ADDEND.has(kind)) reader.number();
    while (range < ranges.length && ranges[range].end <= offset) range += 1;
    if (range === ranges.length || offset < ranges[range].start) kept.push(wasm.subarray(start, reader.at));
  }
  const name = Buffer.from(section.name);
  const content = Buffer.concat([number(name.length), name, number(target), number(kept.length), ...kept]);
  return Buffer.concat([Buffer.from([CUSTOM]), number(content.length), content]);
}
