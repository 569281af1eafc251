// A Node service that receives a proof of a digit, with the package that the page uses:   node service.mjs PAGE
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const page = resolve(process.argv[2]);
const { verify, VerifyError } = await import(pathToFileURL(`${page}/zkvm-verify/index.js`));
const file = (name) => readFileSync(`${page}/sample/${name}`);
const receipt = file("digit.zkr"), imageId = file("image_id").toString().trim();

const proven = await verify(receipt, imageId, { model: file("lenet5.model.json") });
const { values } = proven.outputs.logits;
if (proven.exitCode !== 0) throw new Error(`the program failed: exit code ${proven.exitCode}`);
console.log(`valid, at ${proven.securityBits.toFixed(1)} bits: the digit is a ${values.indexOf(Math.max(...values))}`);

const changed = Uint8Array.from(receipt);
changed[changed.length >> 1] ^= 1;
for (const [bytes, id, code] of [[changed, imageId, "invalid-receipt"], [receipt, "00".repeat(32), "wrong-program"]]) {
  const refusal = await verify(bytes, id).catch((error) => error);
  if (!(refusal instanceof VerifyError) || refusal.code !== code)
    throw refusal instanceof Error ? refusal : new Error("accepted");
  console.log(`refused, ${refusal.code}: ${refusal.message}`);
}
