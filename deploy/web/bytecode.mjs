// node bytecode.mjs PYODIDE ARCHIVE... -- ARCHIVE...
// Runs bytecode.py over archives on the disk, in Pyodide itself: what another Python wrote it may not read. What stands
// after "--" keeps its source.
import { readFileSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [folder, ...archives] = process.argv.slice(2);
const { loadPyodide } = await import(pathToFileURL(resolve(folder, "pyodide.mjs")));
const env = { PYTHONNODEBUGRANGES: "1" }; // of each instruction its line is kept, not its column: a third of the size
const python = await loadPyodide({ indexURL: `${resolve(folder)}/`, env });
python.runPython(readFileSync(new URL("bytecode.py", import.meta.url), "utf-8"));
const [compileArchive, path] = ["compile_archive", "Path"].map((name) => python.globals.get(name));
const bar = archives.indexOf("--");
python.FS.mkdir("/archives");
for (const [at, archive] of archives.entries()) {
  if (at === bar) continue;
  python.mountNodeFS("/archives", dirname(resolve(archive)));
  compileArchive(path(`/archives/${basename(archive)}`), at > bar);
  python.FS.unmount("/archives");
}
