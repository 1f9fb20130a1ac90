/* One model compiled under two names, linked into one program, running at the
 * same time: a kernel of the one, a kernel of the other. Arguments: a folder of
 * inputs and outputs for each. */
#include "job.h"
#include "second.h"

int main(int argc, char **argv) {
  job a, b;
  nncc_status of_a, of_b;
  REQUIRE(argc == 3);
  a = make_job(&first_model, argv[1]);
  b = make_job(&second_model, argv[2]);
  REQUIRE(strcmp(a.model->name, "first") == 0 && strcmp(b.model->name, "second") == 0);
  REQUIRE(a.model->start(a.context, a.inputs, a.outputs) == NNCC_OK);
  REQUIRE(b.model->start(b.context, b.inputs, b.outputs) == NNCC_OK);
  do {
    of_a = a.model->step(a.context, 1);
    of_b = b.model->step(b.context, 1);
    REQUIRE(of_a == of_b);
  } while (of_a == NNCC_MORE);
  REQUIRE(of_a == NNCC_OK);
  /* A context of one name is none of the other's. */
  REQUIRE(b.model->run(a.context, a.inputs, a.outputs) == NNCC_NOT_INITIALIZED);
  write_outputs(&a, argv[1]);
  write_outputs(&b, argv[2]);
  return 0;
}
