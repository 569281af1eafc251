// The same answers through <zk/zk_c.h>.
#include <string.h>
#include <zk/zk_c.h>

#include "request.h"

static uint8_t data[kMostBytes + 4] __attribute__((aligned(4)));
static uint8_t out[kMostOutput] __attribute__((aligned(4)));

static uint32_t piece_at(const struct HashRequest* request, uint32_t at) {
  const uint32_t rest = request->bytes - at;
  return request->piece == 0 || rest < request->piece ? rest : request->piece;
}

static void blake3(const struct HashRequest* request, const uint8_t* bytes) {
  zk_blake3_hasher hasher;
  if (request->kind == kBlake3Keyed) {
    zk_blake3_begin_keyed(&hasher, (const uint8_t*)kKeyText);
  } else if (request->kind == kBlake3Derived) {
    zk_blake3_begin_derive_key(&hasher, kContextText);
  } else {
    zk_blake3_begin(&hasher);
  }
  for (uint32_t at = 0; at < request->bytes; at += piece_at(request, at))
    zk_blake3_update(&hasher, bytes + at, piece_at(request, at));
  zk_blake3_finish(&hasher, out, request->output);
}

static void sha256(const struct HashRequest* request, const uint8_t* bytes) {
  zk_sha256_hasher hasher;
  zk_sha256_begin(&hasher);
  for (uint32_t at = 0; at < request->bytes; at += piece_at(request, at))
    zk_sha256_update(&hasher, bytes + at, piece_at(request, at));
  zk_sha256_finish(&hasher, out);
}

static void answer(const struct HashRequest* request, const uint8_t* bytes) {
  uint8_t salt[32];
  fill_salt(salt, request->seed);
  const int at_once = request->piece == 0 && request->output == 32;
  if (request->kind == kNothing) return;
  if (request->kind == kCommitFile) {
    zk_commitment_of_file(out, bytes, request->bytes, salt);
  } else if (request->kind == kCommitTensor) {
    zk_commitment_of_tensor(out, bytes, (int)request->type, request->shape, request->axes, salt);
  } else if (request->kind == kBlake3 && at_once) {
    zk_blake3(out, bytes, request->bytes);
  } else if (request->kind == kSha256 && at_once) {
    zk_sha256(out, bytes, request->bytes);
  } else if (request->kind == kSha256) {
    sha256(request, bytes);
  } else {
    blake3(request, bytes);
  }
}

int main(void) {
  struct HashRequest request;
  while (zk_read_some(&request, sizeof request) == sizeof request) {
    ZK_CHECK(request.bytes <= kMostBytes && request.alignment < 4 && request.output <= kMostOutput);
    fill(data + request.alignment, request.bytes, request.seed);
    answer(&request, data + request.alignment);
    zk_commit(out, request.output);
  }
  return 0;
}
