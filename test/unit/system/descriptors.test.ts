import t from "tap";
import { DescriptorWatch } from "../../../src/system/descriptors.js";

t.test("B4 a process without descriptors says so once, and once that it is over", async (t) => {
  const said: string[] = [];
  let code: string | undefined;
  const watch = new DescriptorWatch(
    (message) => said.push(message),
    () => {
      if (code !== undefined) throw Object.assign(new Error(code), { code });
    },
  );
  for (const next of [undefined, "EMFILE", "EMFILE", "ENFILE", undefined, "EACCES", "EMFILE"]) {
    code = next;
    watch.look();
  }
  t.equal(said.length, 3);
  t.match(said[0], /no file descriptor left.*ulimit -n/);
  t.match(said[1], /has file descriptors again/);
  t.match(said[2], /no file descriptor left/);
});
