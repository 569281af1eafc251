/* A service that receives a proof: which digit was read, by which program?   service RECEIPT MODEL.json < image id in hex */
#include <stdio.h>
#include <stdlib.h>

#include "host/zkvm_verify_c.h"

static uint8_t* read_file(const char* path, size_t* count) {
  FILE* file = fopen(path, "rb");
  if (file == NULL || fseek(file, 0, SEEK_END) != 0) return NULL;
  const long size = ftell(file);
  rewind(file);
  uint8_t* bytes = size < 0 ? NULL : malloc((size_t)size + 1);
  if (bytes != NULL && fread(bytes, 1, (size_t)size, file) != (size_t)size) bytes = NULL;
  *count = (size_t)size;
  fclose(file);
  return bytes;
}

int main(int argc, char** argv) {
  uint8_t image_id[32];
  for (int i = 0; i < 32; ++i)
    if (scanf("%2hhx", &image_id[i]) != 1) return 2;
  size_t receipt_bytes, model_bytes;
  uint8_t* receipt = argc == 3 ? read_file(argv[1], &receipt_bytes) : NULL;
  uint8_t* model = argc == 3 ? read_file(argv[2], &model_bytes) : NULL;
  if (receipt == NULL || model == NULL) return 2;

  char message[ZKVM_MESSAGE_BYTES];
  zkvm_verification* proven = NULL;
  zkvm_outputs* outputs = NULL;
  int code = zkvm_verify(receipt, receipt_bytes, image_id, NULL, &proven, message);
  if (code == ZKVM_OK) code = zkvm_read_outputs(proven, model, model_bytes, &outputs, message);
  if (code == ZKVM_OK) {
    const zkvm_output* output = &outputs->outputs[0];
    printf("valid, at %.1f bits: %s is %d\n", proven->security_bits, output->name,
           ((const int32_t*)output->values)[0]);
  } else {
    printf("not valid: %s: %s\n", zkvm_code_name(code), message);
  }
  zkvm_outputs_free(outputs);
  zkvm_verification_free(proven);
  free(receipt);
  free(model);
  return code == ZKVM_OK ? 0 : 1;
}
