/* The verifier in C: is this receipt true? For every language that can call C; zkvm_verify.h is its C++ form.
 *
 *   char message[ZKVM_MESSAGE_BYTES];
 *   zkvm_verification* proven = NULL;
 *   int code = zkvm_verify(receipt, receipt_bytes, image_id, NULL, &proven, message);
 *   if (code != ZKVM_OK) fprintf(stderr, "%s: %s\n", zkvm_code_name(code), message);
 *   else use(proven->exit_code, proven->journal, proven->journal_bytes);
 *   zkvm_verification_free(proven);
 *
 * Link libzkvm_verify, or in CMake find_package(zkvm REQUIRED COMPONENTS verify) and zkvm::verify_c.
 *
 * Every byte that a receipt or a description has may be hostile. No function aborts on it, and none keeps what it was
 * given: buffers are the caller's before and after a call. What a function gives through an `out` parameter is the
 * caller's, with all that its pointers lead to, until the caller gives it to the function of its name that ends in
 * _free, which takes NULL, too; where the code is not ZKVM_OK, `out` is NULL. There is no state but that: any function
 * may run in any thread at any time, and two at once on one object as long as neither frees it. */
#ifndef ZKVM_VERIFY_C_H
#define ZKVM_VERIFY_C_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define ZKVM_C_API __attribute__((visibility("default")))
#else
#define ZKVM_C_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* What went wrong. Numbers keep their meaning from version to version. */
enum {
  ZKVM_OK = 0,
  ZKVM_OUT_OF_MEMORY = 1,     /* an allocation failed: the answer is not known */
  ZKVM_BAD_ARGUMENT = 2,      /* a pointer or an option that the function does not take */
  ZKVM_MALFORMED_RECEIPT = 3, /* the bytes are no receipt of a version that is known */
  ZKVM_INVALID_RECEIPT = 4,   /* a receipt that proves nothing: it contradicts itself, or a proof is false */
  ZKVM_WRONG_PROGRAM = 5,     /* a receipt of another program than the one asked for */
  ZKVM_INSECURE = 6,          /* fewer bits of security than asked for */
  ZKVM_MALFORMED_MODEL = 7,   /* the bytes are no description of a model */
  ZKVM_WRONG_MODEL = 8,       /* a description of another model than the program says it is */
  ZKVM_UNFIT_TENSORS = 9,     /* an exit code or a journal that a run of this model does not end with */
  ZKVM_INTERNAL = 10          /* a defect of this library: the answer is not known */
};

/* "invalid-receipt", for logs and for people's scripts; "unknown" for a number that is none of the above. */
ZKVM_C_API const char* zkvm_code_name(int code);

/* Of every `message`, which may be NULL: one line in UTF-8, with a zero at its end. It is empty after ZKVM_OK. What is
 * wrong stands in it as PLACE: PLACE: WHAT, or PLACE: WHAT: expected THIS, found THAT. A longer one is cut. */
#define ZKVM_MESSAGE_BYTES 512

/* What the proven security rests on beside the random oracle. */
enum {
  ZKVM_UNIQUE = 0, /* unique decoding */
  ZKVM_JOHNSON = 1 /* lists up to the Johnson radius */
};
ZKVM_C_API const char* zkvm_regime_name(int regime);       /* "Johnson"; NULL for another number */
ZKVM_C_API const char* zkvm_regime_assumption(int regime); /* in a line; NULL for another number */

typedef struct {
  double security_bits; /* the least that is accepted, of the whole receipt; at least 0 */
  int32_t regime;       /* the widest regime that it is accepted in */
} zkvm_verify_options;

/* What is accepted where no options are given: 128 bits, ZKVM_JOHNSON. */
ZKVM_C_API zkvm_verify_options zkvm_verify_defaults(void);

/* What a true receipt proves: the program with the image id that was asked for, on some input, committed this journal
 * and ended by exit with this code. It says nothing of the input but what the journal does. */
typedef struct {
  const uint8_t* journal; /* never NULL */
  size_t journal_bytes;   /* a multiple of 4 */
  double security_bits;   /* proven, of the whole receipt */
  int32_t exit_code;      /* look at it: it need not be 0 */
  int32_t regime;         /* in which the bits are proven */
  uint32_t segments;
  uint32_t has_model; /* 1: the program says something of its model, and `model` is the BLAKE3 of that; 0: it is zeros */
  uint8_t model[32];
} zkvm_verification;

/* Checks every byte of a receipt against the image id of the program that it must be of (32 bytes, as `zkvm id` prints
 * them in hex). `options` may be NULL. Codes: ZKVM_OK .. ZKVM_INSECURE,
 * ZKVM_INTERNAL. Memory: some 10 times the receipt's. */
ZKVM_C_API int zkvm_verify(const uint8_t* receipt, size_t receipt_bytes, const uint8_t image_id[32],
                const zkvm_verify_options* options, zkvm_verification** out,
                char message[ZKVM_MESSAGE_BYTES]);
ZKVM_C_API void zkvm_verification_free(zkvm_verification* verification);

/* Elements of an output, as the guest has them. */
enum { ZKVM_INT8 = 0, ZKVM_UINT8 = 1, ZKVM_INT32 = 2, ZKVM_FLOAT32 = 3 };

/* An output of a model, of all examples of a run. */
typedef struct {
  const char* name;       /* the model's, in UTF-8 */
  const uint32_t* shape;  /* of one example; its last axis is the fastest */
  size_t axes;            /* 0: one element */
  const void* values;     /* elements of `type`, those of each example behind those of the one before */
  size_t elements;        /* of all examples */
  const float* reals;     /* as many: scale * (value - zero_point), or floats as they are; NULL: integers of no scale */
  const char* const* labels;  /* of each row of the last axis the greatest element's, or, of
                                 numbers of labels, each element's. Empty where there is none of that number */
  size_t label_count;         /* 0: it has no labels */
  int32_t type;
  int32_t zero_point; /* 0 without a scale */
  float scale;        /* 0: it has none */
} zkvm_output;

typedef struct {
  const zkvm_output* outputs;
  size_t count;
  uint32_t batch;               /* examples of the run */
  const uint8_t* model_id;      /* 32 bytes: the commitment to private weights; NULL: weights are public */
  const uint8_t* input_digest;  /* 32 bytes: the BLAKE3 of all inputs; NULL: they are private */
} zkvm_outputs;

/* What the journal of `verification` says, by what the program says of its model: `model` is that text (NAME.model.json of
 * `zkvm import`, or the section .zkvm.model of the ELF file), from anybody, as it is held against the digest. Codes:
 * ZKVM_OUT_OF_MEMORY, ZKVM_BAD_ARGUMENT, ZKVM_WRONG_MODEL, ZKVM_MALFORMED_MODEL, ZKVM_UNFIT_TENSORS, ZKVM_INTERNAL.
 * Memory: 30 times the journal's and 100 times the description's. */
ZKVM_C_API int zkvm_read_outputs(const zkvm_verification* verification, const uint8_t* model,
                      size_t model_bytes, zkvm_outputs** out, char message[ZKVM_MESSAGE_BYTES]);
ZKVM_C_API void zkvm_outputs_free(zkvm_outputs* outputs);

/* BLAKE3, by which inputs and descriptions are named. */
ZKVM_C_API void zkvm_blake3(const uint8_t* bytes, size_t count, uint8_t digest[32]);

/* "0.1.0" */
ZKVM_C_API const char* zkvm_version(void);

#ifdef __cplusplus
}
#endif
#endif
