// Bundles the page's script and serves the page.
import { context } from 'esbuild';

const here = import.meta.dirname;
const bundle = await context({
  entryPoints: [`${here}/page.js`],
  bundle: true,
  format: 'esm',
  outdir: `${here}/public`,
});
const { port } = await bundle.serve({
  host: '127.0.0.1',
  port: Number(process.env.PORT ?? 8000),
  servedir: `${here}/public`,
});
process.stdout.write(`http://127.0.0.1:${port}\n`);
