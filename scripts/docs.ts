import { writeFileSync } from 'node:fs';
import { REFERENCE_PAGES } from '../src/config/reference.ts';

/** Rewrites the pages that are made from tables: `npm run docs`. */
for (const [path, render] of Object.entries(REFERENCE_PAGES)) {
  writeFileSync(new URL(`../${path}`, import.meta.url), render());
}
