// `npm test` comes here by plain Node.js; the rest is TypeScript.
import { register } from 'tsx/esm/api';

register();
await import('./run-tests.ts');
