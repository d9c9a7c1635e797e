# SPDX-License-Identifier: Apache-2.0
# cmake -DPACKS="volume talk" -DFOLDER=rules/packs -DOUT=packs.c -P packs.cmake: the shipped packs as a C table (rules/packs.h).
separate_arguments(PACKS)
set(texts "")
set(rows "")
foreach(name ${PACKS})
  file(READ ${FOLDER}/${name}.yaml hex HEX)
  string(LENGTH "${hex}" digits)
  math(EXPR bytes "${digits} / 2")
  string(REGEX REPLACE "(................................)" "\\1\n" hex "${hex}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," hex "${hex}")
  # A text of C99 may be no longer than 4,095 bytes, so these are numbers.
  string(APPEND texts "static const unsigned char pack_${name}[] = {\n${hex}0};\n")
  string(APPEND rows "\t{\"${name}\", {(const char *)pack_${name}, ${bytes}}},\n")
endforeach()
file(WRITE ${OUT}
  "/* Made from rules/packs by rules/packs.cmake. */\n#include \"rules/packs.h\"\n\n${texts}\n"
  "const struct rule_pack rule_packs[] = {\n${rows}};\nconst size_t rule_pack_cnt = sizeof rule_packs / sizeof rule_packs[0];\n")
