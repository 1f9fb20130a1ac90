/* Uses a model through the uniform table, and the runtime archive's words. */
#include "digits.h"
#include "nncc/runtime.h"
#include <stdio.h>

int main(void) {
  static _Alignas(DIGITS_ARENA_ALIGN) unsigned char arena[DIGITS_ARENA_BYTES];
  digits_context context;
  float image[64] = {0}, probabilities[10];
  const nncc_model *models[] = {&digits_model};
  const nncc_model *model = nncc_find_model(models, 1, "digits");
  const void *inputs[] = {image};
  void *outputs[] = {probabilities};
  nncc_status status = model->init(&context, arena, sizeof arena, NULL);
  if (status == NNCC_OK)
    status = model->run(&context, inputs, outputs);
  printf("%s: %u floats in, %u out, %s\n", model->name, (unsigned)(model->inputs[0].bytes / 4),
         (unsigned)(model->outputs[0].bytes / 4), status == NNCC_OK ? "all is well" : nncc_status_string(status));
  return status != NNCC_OK;
}
