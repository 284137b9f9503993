/* The border between fovea and a backend plugin: a table of C functions and plain structs, with a version.
 *
 * A plugin is a shared library named libfovea_backend_NAME.so that exports fovea_backend_table(). It lies in a folder
 * of FOVEA_PLUGINS (colons between folders), in `plugins` beside the program, or in lib/fovea/plugins of the
 * installation; `--backend NAME` loads it, and nothing else does. docs/backends.md has a complete one.
 *
 * Strings are UTF-8, end in a zero byte, and belong to the side that passes them: they are valid until the call
 * returns, those of the table and of ports for as long as the plugin or the engine lives. No exception may cross this
 * border. A function that can fail returns FOVEA_OK, or a code after it has described the failure to `report`. */
#ifndef FOVEA_BACKEND_H
#define FOVEA_BACKEND_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Rises with every change that an older plugin or an older fovea would not survive. */
#define FOVEA_BACKEND_ABI 1

enum { /* element types */
       FOVEA_F32,
       FOVEA_F64,
       FOVEA_F16,
       FOVEA_BF16,
       FOVEA_I8,
       FOVEA_U8,
       FOVEA_I16,
       FOVEA_U16,
       FOVEA_I32,
       FOVEA_U32,
       FOVEA_I64,
       FOVEA_U64,
       FOVEA_BOOL
};

enum { FOVEA_FP32, FOVEA_BF16_PRODUCTS, FOVEA_FP16_PRODUCTS, FOVEA_INT8_PRODUCTS }; /* precisions */

enum { /* what went wrong */
       FOVEA_OK,
       FOVEA_INVALID_ARGUMENT, /* an option, a precision or a tensor that the caller passed */
       FOVEA_INVALID_MODEL,
       FOVEA_UNSUPPORTED, /* a valid model, but the runtime lacks something that it needs */
       FOVEA_NOT_FOUND,
       FOVEA_IO,
       FOVEA_OUT_OF_MEMORY,
       FOVEA_UNAVAILABLE, /* the runtime, or the device asked for, cannot be used here */
       FOVEA_INTERNAL
};

/* Where a plugin says what happened. `fix` may be NULL: what the user can do about it, in one sentence. */
typedef struct fovea_report {
  void* host;
  void (*error)(void* host, const char* message, const char* fix);
  void (*note)(void* host, const char* message); /* worth knowing with -v */
} fovea_report;

/* Dense, row-major. `data` is aligned to 64 bytes unless the caller's own memory is bound. */
typedef struct fovea_tensor {
  int32_t dtype;
  int32_t rank;
  const int64_t* shape;
  void* data;
} fovea_tensor;

/* An input or output as the model declares it; -1 for an extent that is open. `dtype` and `rank` are -1 where the model
 * does not say (a TorchScript module). */
typedef struct fovea_port {
  const char* name;
  int32_t dtype;
  int32_t rank;
  const int64_t* shape;
} fovea_port;

typedef struct fovea_option {
  const char* name; /* NULL ends a list; a name ending in * stands for all that begin so */
  const char* meaning;
} fovea_option;

typedef struct fovea_setting {
  const char* name;
  const char* value;
} fovea_setting;

typedef struct fovea_compile_request {
  const char* model;  /* path of a file with one of the table's suffixes */
  const char* device; /* one of the table's devices */
  int32_t precision;
  int32_t threads;              /* at least 1 */
  const char* cache;            /* folder for compiled engines, or NULL */
  const fovea_setting* options; /* -O name=value, in the order of names */
  size_t option_count;
  const fovea_port* inputs; /* what the caller will feed, as far as it knows: an engine may specialise for it */
  size_t input_count;
} fovea_compile_request;

/* How outputs reach the caller: the engine asks once for each output, before or after it has computed it. Returns where
 * to put it, with room for exactly that tensor, or NULL where the caller refuses (then the run fails, and the caller
 * knows why). */
typedef struct fovea_outputs {
  void* host;
  void* (*place)(void* host, size_t output, int32_t dtype, int32_t rank, const int64_t* shape);
} fovea_outputs;

typedef struct fovea_library {
  char version[64];    /* "1.31.1" */
  char location[1024]; /* the file that was loaded */
} fovea_library;

typedef struct fovea_engine fovea_engine; /* the plugin's own */

typedef struct fovea_backend {
  uint32_t abi;                /* FOVEA_BACKEND_ABI */
  const char* name;            /* NAME of the file's name */
  const char* title;           /* "ONNX Runtime" */
  const char* const* devices;  /* the first is the default; NULL ends it */
  const char* const* suffixes; /* model files that it reads, the preferred first: ".onnx"; NULL ends it */
  const fovea_option* options;

  /* Whether it can run here on this device: loads what it needs, and says which library that is. `options` as in a
   * compile request: they may name the library. */
  int32_t (*probe)(const char* device, const fovea_setting* options, size_t option_count, fovea_library* library,
                   const fovea_report* report);

  int32_t (*compile)(const fovea_compile_request* request, fovea_engine** engine, const fovea_report* report);
  void (*destroy)(fovea_engine* engine);

  /* The list belongs to the engine. */
  size_t (*inputs)(const fovea_engine* engine, const fovea_port** ports);
  size_t (*outputs)(const fovea_engine* engine, const fovea_port** ports);

  /* What the engine can say of itself, line by line: the options that reached the runtime, as it reads them back, the
   * provider, the precision, whether the cache served it. */
  void (*describe)(const fovea_engine* engine, void* host,
                   void (*line)(void* host, const char* name, const char* value));

  /* Makes ready for inputs of these types; NULL where there is nothing to do ahead. */
  int32_t (*prepare)(fovea_engine* engine, const fovea_port* inputs, size_t count, const fovea_report* report);

  /* Inputs in the order of inputs(). fovea never calls it twice at once for one engine. */
  int32_t (*run)(fovea_engine* engine, const fovea_tensor* inputs, size_t count, const fovea_outputs* outputs,
                 const fovea_report* report);
} fovea_backend;

/* The one function that a plugin exports. `abi` is the caller's; returns NULL for one that the plugin cannot serve. */
const fovea_backend* fovea_backend_table(uint32_t abi);
typedef const fovea_backend* (*fovea_backend_table_function)(uint32_t abi);

#ifdef __cplusplus
}
#endif
#endif
