/* Three models in one program: they share nothing, whatever the order in which
 * they run. Arguments: a folder of inputs and outputs for each. */
#include "job.h"
#include "second.h"
#include "third.h"

int main(int argc, char **argv) {
  job jobs[3];
  int i, round;
  REQUIRE(argc == 4);
  jobs[0] = make_job(&first_model, argv[1]);
  jobs[1] = make_job(&second_model, argv[2]);
  jobs[2] = make_job(&third_model, argv[3]);
  for (round = 0; round < 3; ++round)
    for (i = 0; i < 3; ++i)
      REQUIRE(run_job(&jobs[(i + round) % 3]) == NNCC_OK);
  for (i = 0; i < 3; ++i)
    write_outputs(&jobs[i], argv[1 + i]);
  return 0;
}
