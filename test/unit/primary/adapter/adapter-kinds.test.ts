import t from "tap";
import { AdapterKinds } from "../../../../src/primary/adapter/adapter-kinds.js";
import type { WorkerHandle } from "../../../../src/primary/workers/worker-handle.js";

interface Fake {
  pid: number;
  ways: string;
}

const MESH = { pid: 1, ways: "mesh" };
const IPC = { pid: 2, ways: "ipc" };
const NEITHER = { pid: 3, ways: "" };
const BOTH = { pid: 4, ways: "mesh ipc" };

const speaks = (way: string) => (worker: WorkerHandle) =>
  (worker as unknown as Fake).ways.includes(way);

/** What is said when these become ready, one after the other. */
async function said(workers: readonly Fake[]): Promise<string[]> {
  const warnings: string[] = [];
  const listener = ({ code, message }: Error & { code?: string }): void => {
    if (code === "SUPERVISOR_ADAPTERS_DIFFER") warnings.push(message);
  };
  process.on("warning", listener);
  const kinds = new AdapterKinds({ mesh: speaks("mesh"), ipc: speaks("ipc") });
  const handles = workers as unknown as WorkerHandle[];
  for (const [n, handle] of handles.entries()) kinds.compare(handle, handles.slice(0, n + 1));
  await new Promise(setImmediate);
  process.off("warning", listener);
  return warnings;
}

t.test("workers that do not hear each other are named, with their ways", async (t) => {
  const [first, ...others] = await said([MESH, IPC]);
  t.match(first, /Worker 2 talks to the others over IPC, and worker 1 over the mesh/);
  t.strictSame(others, []);
});

t.test("it is said once, however many workers there are", async (t) => {
  t.equal((await said([MESH, MESH, IPC, IPC, IPC])).length, 1);
  t.match(await said([MESH, BOTH]), [/over the mesh and IPC, and worker 1 over the mesh/]);
});

t.test("whoever hears each other, or uses neither, is not spoken of", async (t) => {
  t.strictSame(await said([MESH, MESH, NEITHER, NEITHER]), []);
  t.strictSame(await said([NEITHER, IPC, IPC]), []);
  t.strictSame(await said([BOTH, BOTH]), []);
});
