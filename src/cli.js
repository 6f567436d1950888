#!/usr/bin/env node
// Plain JavaScript, so that a Node too old for the rest can still read it and say so.
const [oldestMajor, oldestMinor] = /** @type {const} */ ([22, 19]);

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < oldestMajor || (major === oldestMajor && minor < oldestMinor)) {
  process.stderr.write(
    `antiphon needs Node ${oldestMajor}.${oldestMinor} or newer, and this is ${process.versions.node}.\n`,
  );
  process.exit(1);
}
const { main } = await import('./main.ts');
await main(process.argv.slice(2));
