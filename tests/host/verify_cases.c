/* The verifier in C says of every case in FILE what the C++ one has said (verify_cases.h):   host_verify_cases_c FILE */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/zkvm_verify_c.h"

static const uint8_t *at, *end;

static void need(size_t count) {
  if ((size_t)(end - at) >= count) return;
  fprintf(stderr, "the file ends early\n");
  exit(2);
}

static uint64_t number(size_t bytes) {
  uint64_t value = 0;
  need(bytes);
  for (size_t i = 0; i < bytes; ++i) value |= (uint64_t)at[i] << (8 * i);
  at += bytes;
  return value;
}

static double real(void) {
  const uint64_t bits = number(8);
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

struct slice {
  const uint8_t* bytes;
  size_t count;
};

static struct slice slice(void) {
  struct slice out;
  out.count = number(4);
  need(out.count);
  out.bytes = at;
  at += out.count;
  return out;
}

static int is(const void* found, size_t count, struct slice wanted) {
  return count == wanted.count && memcmp(found, wanted.bytes, count) == 0;
}

static int check_verdict(uint32_t index, int code, const char* message, const zkvm_verification* proven) {
  const int wanted = (int)number(4);
  const struct slice text = slice();
  int ok = code == wanted && (proven != NULL) == (wanted == ZKVM_OK);
  /* Longer messages are cut. */
  ok = ok && strlen(message) == (text.count < ZKVM_MESSAGE_BYTES ? text.count : strlen(message)) &&
       memcmp(message, text.bytes, strlen(message)) == 0;
  if (wanted == ZKVM_OK) {
    const int32_t exit_code = (int32_t)number(4);
    const double bits = real();
    const int32_t regime = (int32_t)number(4);
    const uint32_t segments = (uint32_t)number(4);
    const struct slice journal = slice(), model = slice();
    ok = ok && proven->exit_code == exit_code && proven->security_bits == bits &&
         proven->regime == regime && proven->segments == segments &&
         is(proven->journal, proven->journal_bytes, journal) &&
         is(proven->model, proven->has_model ? 32 : 0, model);
  }
  if (!ok)
    fprintf(stderr, "case %" PRIu32 ": expected %s: %.*s, found %s: %s\n", index, zkvm_code_name(wanted),
            (int)text.count, (const char*)text.bytes, zkvm_code_name(code), message);
  return ok;
}

static int check_case(uint32_t index, struct slice good) {
  need(32);
  const uint8_t* id = at;
  at += 32;
  zkvm_verify_options options;
  options.security_bits = real();
  options.regime = (int32_t)number(4);
  const size_t prefix = number(4), suffix = number(4);
  const struct slice middle = slice();
  if (prefix > good.count || suffix > good.count - prefix) {
    fprintf(stderr, "case %" PRIu32 ": longer than the receipt\n", index);
    exit(2);
  }
  /* Of its own length, so that a sanitizer sees a byte behind it read. */
  const size_t count = prefix + middle.count + suffix;
  uint8_t* receipt = malloc(count == 0 ? 1 : count);
  if (receipt == NULL) exit(2);
  memcpy(receipt, good.bytes, prefix);
  memcpy(receipt + prefix, middle.bytes, middle.count);
  memcpy(receipt + prefix + middle.count, good.bytes + good.count - suffix, suffix);

  char message[ZKVM_MESSAGE_BYTES];
  memset(message, 'x', sizeof message);
  zkvm_verification* proven = NULL;
  const int code = zkvm_verify(receipt, count, id, &options, &proven, message);
  free(receipt); /* nothing may point into it */
  const int ok = check_verdict(index, code, message, proven);
  zkvm_verification_free(proven);
  return ok;
}

int main(int argc, char** argv) {
  FILE* file = argc == 2 ? fopen(argv[1], "rb") : NULL;
  if (file == NULL) {
    fprintf(stderr, "usage: host_verify_cases_c FILE\n");
    return 2;
  }
  fseek(file, 0, SEEK_END);
  const long size = ftell(file);
  rewind(file);
  uint8_t* bytes = malloc((size_t)size + 1);
  if (bytes == NULL || fread(bytes, 1, (size_t)size, file) != (size_t)size) return 2;
  fclose(file);
  at = bytes;
  end = bytes + size;
  need(4);
  if (memcmp(at, "ZKVC", 4) != 0) return 2;
  at += 4;
  const struct slice good = slice();
  const uint32_t cases = (uint32_t)number(4);
  uint32_t wrong = 0;
  for (uint32_t i = 0; i < cases; ++i) wrong += check_case(i, good) ? 0 : 1;
  if (at != end) wrong = wrong + 1;
  free(bytes);
  printf("%" PRIu32 " cases, %" PRIu32 " wrong\n", cases, wrong);
  return wrong == 0 && cases > 0 ? 0 : 1;
}
