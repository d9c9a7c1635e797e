# SPDX-License-Identifier: Apache-2.0
# cmake -DFILE=rules/providers.yaml -DOUT=providers_shipped.c -P providers.cmake: the shipped table of providers as a C text (rules/providers.h).
file(READ ${FILE} hex HEX)
string(LENGTH "${hex}" digits)
math(EXPR bytes "${digits} / 2")
string(REGEX REPLACE "(................................)" "\\1\n" hex "${hex}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," hex "${hex}")
file(WRITE ${OUT}
  "/* Made from rules/providers.yaml by rules/providers.cmake. */\n#include \"rules/providers.h\"\n\n"
  "static const unsigned char text[] = {\n${hex}0};\nconst struct slice providers_shipped = {(const char *)text, ${bytes}};\n")
