import type { Area } from "./area.js";
import { controlArea } from "./control.js";
import { http2Area } from "./http2.js";
import { http2FramesArea } from "./http2-frames.js";
import { insideAreas } from "./inside.js";
import { liesArea } from "./lies.js";
import { meshArea } from "./mesh.js";
import { rawAreas } from "./raw.js";
import { tlsAreas } from "./tls.js";

export const AREAS: readonly Area[] = [
  ...[...rawAreas, ...insideAreas, meshArea, controlArea, liesArea],
  ...[...tlsAreas, http2Area, http2FramesArea],
];
