/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of `ringfence number` that have a file of their own. argv[0] is the part's name. */
#ifndef RINGFENCE_APP_NUMBER_VERBS_H
#define RINGFENCE_APP_NUMBER_VERBS_H

int verb_number_dossier(int argc, char **argv);
int verb_number_list(int argc, char **argv);
int verb_number_may_call(int argc, char **argv);
int verb_number_contacts(int argc, char **argv);

#endif
