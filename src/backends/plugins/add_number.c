/* The smallest complete backend, in plain C: a model is a text file with a number, and its engine adds that number to
 * its one input, a float tensor of any shape. docs/backends.md walks through it; plugin_backend_test.cc loads it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fovea/fovea_backend.h"

struct fovea_engine {
  float number;
};

static const char* const kDevices[] = {"cpu", NULL};
static const char* const kSuffixes[] = {".number", NULL};
static const fovea_option kOptions[] = {{"times", "adds the number so many times (default 1)"}, {NULL, NULL}};
static const fovea_port kInput = {"x", FOVEA_F32, -1, NULL}, kOutput = {"y", FOVEA_F32, -1, NULL};

static int32_t fail(const fovea_report* report, int32_t code, const char* message, const char* fix) {
  report->error(report->host, message, fix);
  return code;
}

static int32_t probe(const char* device, const fovea_setting* options, size_t option_count, fovea_library* library,
                     const fovea_report* report) {
  (void)device, (void)options, (void)option_count, (void)report;
  strcpy(library->version, "1.0");
  library->location[0] = '\0';
  return FOVEA_OK;
}

static int32_t compile(const fovea_compile_request* request, fovea_engine** engine, const fovea_report* report) {
  float number = 0;
  int times = 1;
  FILE* file = fopen(request->model, "r");
  if (!file) return fail(report, FOVEA_NOT_FOUND, "the model cannot be opened", "check the path");
  const int found = fscanf(file, "%f", &number);
  fclose(file);
  if (found != 1) return fail(report, FOVEA_INVALID_MODEL, "the model holds no number", "write one into it");
  for (size_t i = 0; i < request->option_count; ++i) {
    if (strcmp(request->options[i].name, "times") != 0)
      return fail(report, FOVEA_INVALID_ARGUMENT, "there is no such option", "the only one is times");
    times = atoi(request->options[i].value);
  }
  *engine = malloc(sizeof **engine);
  if (!*engine) return fail(report, FOVEA_OUT_OF_MEMORY, "out of memory", NULL);
  (*engine)->number = number * (float)times;
  return FOVEA_OK;
}

static void destroy(fovea_engine* engine) { free(engine); }

static size_t inputs(const fovea_engine* engine, const fovea_port** ports) {
  (void)engine;
  *ports = &kInput;
  return 1;
}

static size_t outputs(const fovea_engine* engine, const fovea_port** ports) {
  (void)engine;
  *ports = &kOutput;
  return 1;
}

static void describe(const fovea_engine* engine, void* host, void (*line)(void*, const char*, const char*)) {
  char text[32];
  snprintf(text, sizeof text, "%g", engine->number);
  line(host, "number", text);
}

static int32_t prepare(fovea_engine* engine, const fovea_port* ports, size_t count, const fovea_report* report) {
  (void)engine, (void)ports, (void)count, (void)report;
  return FOVEA_OK;
}

static int32_t run(fovea_engine* engine, const fovea_tensor* in, size_t count, const fovea_outputs* outputs,
                   const fovea_report* report) {
  int64_t size = 1;
  float* y = NULL;
  if (count != 1 || in[0].dtype != FOVEA_F32)
    return fail(report, FOVEA_INVALID_ARGUMENT, "it takes one float tensor", NULL);
  for (int32_t d = 0; d < in[0].rank; ++d) size *= in[0].shape[d];
  y = outputs->place(outputs->host, 0, FOVEA_F32, in[0].rank, in[0].shape);
  if (!y) return FOVEA_INVALID_ARGUMENT;
  for (int64_t i = 0; i < size; ++i) y[i] = ((const float*)in[0].data)[i] + engine->number;
  return FOVEA_OK;
}

static const fovea_backend kTable = {
    FOVEA_BACKEND_ABI, "add_number", "Adding a number", kDevices, kSuffixes, kOptions, probe, compile,
    destroy,           inputs,       outputs,           describe, prepare,   run,
};

__attribute__((visibility("default"))) const fovea_backend* fovea_backend_table(uint32_t abi) {
  return abi == FOVEA_BACKEND_ABI ? &kTable : NULL;
}
