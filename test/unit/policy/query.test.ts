import t from "tap";
import { readQuery } from "../../../src/policy/query.js";
import { Random } from "../../helpers/random.js";

const asUrl = (target: string): Record<string, string> =>
  Object.fromEntries(new URL(target, "https://socket.io").searchParams);

t.test("R2: a query is read as URL reads it", async (t) => {
  for (const target of [
    "/",
    "/socket.io/",
    "/socket.io/?",
    "/socket.io/?EIO=4&transport=polling&t=abc123&sid=lv_VI97HAXpY6yYWAAAC",
    "/socket.io/?sid=a&sid=b",
    "/?sid",
    "/?sid=",
    "/?=x",
    "/?&&a=1&&",
    "/?a=b=c",
    "/?sid=%61%20b",
    "/?sid=a+b",
    "/?sid=a#sid=b",
    "/a#b?sid=c",
    "/?sid=a?sid=b",
    "/?__proto__=x&sid=a",
    "/?constructor=x&toString=y",
    "/?1=a&0=b",
    "/../x/./y?sid=a",
    "//host/path?sid=a",
    "/\\host?sid=a",
    "http://elsewhere/?sid=a",
    "/?sid=ä",
    "/?sid=a;b",
    "*",
  ]) {
    t.same(Object.entries(readQuery(target)), Object.entries(asUrl(target)), target);
  }
});

t.test("R2: what is no URL is none here, either", async (t) => {
  for (const target of ["//", "//?sid=a", "http://"]) t.throws(() => readQuery(target), TypeError);
});

t.test("R2: so are any others", async (t) => {
  const random = new Random();
  const outcome = (read: (target: string) => unknown, target: string): string => {
    try {
      return JSON.stringify(read(target));
    } catch (error) {
      return (error as Error).name; // no URL
    }
  };
  const targets = Array.from({ length: 5_000 }, (_, n) => {
    return `/${random.text("ab/?&=#%.+-_~;: 1", 1 + (n % 20))}`;
  });
  const wrong = targets.filter((target) => outcome(readQuery, target) !== outcome(asUrl, target));
  t.same(wrong, [], `seed ${random.seed}`);
});
