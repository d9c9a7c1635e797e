/* SPDX-License-Identifier: Apache-2.0 */
/* What the values of a rule file are, as members of a JSON Schema: the column `schema` of the key tables. The reader decides; this tells editors as much of
 * it as a schema can say. */
#ifndef RINGFENCE_RULES_RULE_SCHEMA_H
#define RINGFENCE_RULES_RULE_SCHEMA_H

#define TEXT_OF(x) #x
#define STR(x) TEXT_OF(x)

/* A plain scalar of YAML is a text to the reader, whatever it looks like. */
#define SCALAR "\"type\":[\"string\",\"number\",\"boolean\"]"
#define NAMES "\"propertyNames\":{\"pattern\":\"^[A-Za-z_][A-Za-z0-9_]*$\",\"maxLength\":" STR(RULE_NAME_MAX) "}"
#define MAP_OF(most, value) "\"type\":[\"object\",\"null\"],\"maxProperties\":" STR(most) "," NAMES ",\"additionalProperties\":{" value "}"
#define DURATION                                                                                                  \
	"\"anyOf\":[{\"type\":\"string\",\"minLength\":2,\"pattern\":\"^([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?" \
	"([0-9]+s)?([0-9]+ms)?$\"},{\"enum\":[0,\"0\"]}]"
#define LIST_OF(most, item) "\"type\":\"array\",\"minItems\":1,\"maxItems\":" STR(most) ",\"items\":{" item "}"
#define ONE_OR_LIST(most, item) "\"anyOf\":[{" item "},{" LIST_OF(most, item) "}]"

#endif
