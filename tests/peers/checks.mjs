// Checks that print a line "ok - ..." or "not ok - ..." each.

export const LIMIT = 20_000; // milliseconds for one check, however slow the machine

const checks = [];
export const check = (name, run, isDue = true) => isDue && checks.push([name, run]);

export async function runChecks(peer) {
  for (const [name, run] of checks) {
    let timer;
    const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error(`took more than ${LIMIT} ms`)), LIMIT)));
    try {
      await Promise.race([run(), late]);
      console.log(`ok - ${peer}: ${name}`);
    } catch (error) {
      console.log(`not ok - ${peer}: ${name}: ${String(error.message).replace(/\s+/g, " ").slice(0, 300)}`);
    }
    clearTimeout(timer);
  }
}
