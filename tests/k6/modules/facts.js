// Prints as JSON what both load generators must hold equal; test_modules.py compares it with the Python side.

import * as facts from "../../../loadtests/k6/facts.js";
import { ALL } from "../../../loadtests/k6/profiles.js";

const texts = (/** @type {string} */ _, /** @type {unknown} */ value) => (typeof value === "bigint" ? String(value) : value);
console.log(JSON.stringify({ facts, profiles: ALL }, texts));
