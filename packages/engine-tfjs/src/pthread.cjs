"use strict"
// What each of the wasm backend's pthreads runs. tfjs ships the text of this worker, and no file of it that Node can start.
// Its line breaks inside string literals were unescaped by the way it is shipped.
const {
  wasmWorkerContents,
} = require("@tensorflow/tfjs-backend-wasm/wasm-out/tfjs-backend-wasm-threaded-simd.worker.js")
// In the scope of this module, for the text uses `require` and `__filename`; it comes from the package, not from a user.
// oxlint-disable-next-line no-eval
eval(wasmWorkerContents.replace(/\n/g, "\\n"))
