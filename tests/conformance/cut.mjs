// SPDX-License-Identifier: Apache-2.0
// Cuts the JSON-typed part out of the CEL conformance tests (npm @bufbuild/cel-spec): one JSON object a line,
// {"file","name","expr","bindings","value" | "error": true}. Left out: extensions, anything that mentions a protobuf
// type or a container, tests that only check or that switch macros off (reference/interop.md section 8).
import { tests } from "@bufbuild/cel-spec/testdata/conformance.js";

const EXTENSIONS = new Set(["bindings_ext", "block_ext", "encoders_ext", "math_ext", "network_ext", "optionals",
  "proto2_ext", "string_ext", "unknowns"]);
const PROTOBUF = /TestAllTypes|google\.protobuf|objectValue|enumValue|cel\.expr|type\.googleapis\.com/;

function walk(file, path, suite) {
  for (const s of suite.suites ?? []) walk(file, [...path, s.name], s);
  for (const { original: t } of suite.tests ?? []) {
    if (t.checkOnly || t.disableMacros || t.container || PROTOBUF.test(JSON.stringify(t))) continue;
    const line = { file, name: [...path, t.name].join("/"), expr: t.expr, bindings: {} };
    for (const [name, b] of Object.entries(t.bindings ?? {})) line.bindings[name] = b.value ?? b;
    if (t.value) line.value = t.value;
    else if (t.typedResult) line.value = t.typedResult.result;
    else if (t.evalError || t.anyEvalErrors) line.error = true;
    else line.value = { boolValue: true };
    console.log(JSON.stringify(line));
  }
}
for (const file of tests.suites) if (!EXTENSIONS.has(file.name)) walk(file.name, [], file);
