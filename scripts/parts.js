// Loads the parts that scripts/bundle.mjs cuts off the browser's program: bundled into the script that starts it.

/** What is under way or there, by address. */
const parts = new Map();
/** What the page has asked for before this script was there. */
const started = new Map();

/** Takes over fetches: pairs of an address and the promise of a response. */
export function expect(fetches) {
  for (const [address, response] of fetches) started.set(address, response);
}

/**
 * What the program calls to have parts loaded. It is told the end through a function in its own table.
 * `exports`: what the main part has to offer, once it is there.
 */
export function loader(exports, addresses) {
  return async (callback, data) => {
    const outcomes = await Promise.allSettled(addresses.map((address) => part(address, exports)));
    const failures = outcomes.filter(({ status }) => status === 'rejected');
    for (const { reason } of failures) console.error(reason);
    exports().__indirect_function_table.get(callback)(data, failures.length === 0);
  };
}

/** Once each; what failed is tried again when it is asked for again. */
function part(address, exports) {
  if (!parts.has(address)) {
    const response = started.get(address) ?? fetch(address);
    started.delete(address);
    const instance = WebAssembly.instantiateStreaming(response, { __wasm_split: exports() });
    parts.set(address, instance);
    instance.catch(() => parts.delete(address));
  }
  return parts.get(address);
}
