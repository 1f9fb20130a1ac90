/* Finds models, inputs and outputs by name.
 * The interface is nncc/runtime.h. */
#include "nncc/runtime.h"

static int equal(const char *a, const char *b) {
  for (; *a == *b; ++a, ++b)
    if (!*a)
      return 1;
  return 0;
}

const nncc_model *nncc_find_model(const nncc_model *const *models, size_t count, const char *name) {
  if (!models || !name)
    return NULL;
  for (size_t i = 0; i < count; ++i)
    if (models[i] && equal(models[i]->name, name))
      return models[i];
  return NULL;
}

/* ONNX names win over C identifiers: a model may use one tensor's identifier as
 * another one's name. */
static int find(const nncc_tensor *tensors, uint32_t count, const char *name) {
  if (!name)
    return -1;
  for (uint32_t i = 0; i < count; ++i)
    if (equal(tensors[i].name, name))
      return (int)i;
  for (uint32_t i = 0; i < count; ++i)
    if (equal(tensors[i].identifier, name))
      return (int)i;
  return -1;
}

int nncc_find_input(const nncc_model *model, const char *name) {
  return model ? find(model->inputs, model->num_inputs, name) : -1;
}

int nncc_find_output(const nncc_model *model, const char *name) {
  return model ? find(model->outputs, model->num_outputs, name) : -1;
}
