// Flags that several commands share, and what becomes of them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "backends/backend.h"
#include "fovea/options.h"
#include "pipeline/input_shapes.h"
#include "tasks/recipe.h"

namespace fovea::cli {

enum class Format : uint8_t { text, json, csv };

/// --format, with the forms that the command has.
void add_format_flag(CLI::App& app, Format& format, bool with_csv);

/// --precision.
void add_precision_flag(CLI::App& app, Precision& precision);

/// --backend, -O, --precision, --threads, --cache, --no-cache.
struct EngineFlags {
  std::string backend = "native";
  std::vector<std::string> options;
  Precision precision = Precision::fp32;
  int threads = 0;
  std::string cache;
  bool no_cache = false;

  void add_to(CLI::App& app);
  /// Error: invalid_argument for an option that is no key=value.
  Result<CompileOptions> compile_options(const pipeline::InputShapes& shapes) const;
};

/// MODEL and --shape.
struct ModelFlags {
  std::string path;
  std::vector<std::string> shapes;

  void add_to(CLI::App& app, bool required = true);
  Result<pipeline::InputShapes> input_shapes() const;
};

/// How photos become inputs, and the labels.
struct RecipeFlags {
  std::string config, labels, size, resize, crop_mode, interpolation, mean, std, channel_order;
  std::optional<double> crop_pct;
  std::optional<int64_t> divisor;
  bool exif_orientation = false;

  void add_to(CLI::App& app, bool with_labels);
  /// What the flags say. Error: invalid_argument, naming the flag; those of reading the label file.
  Result<tasks::Settings> settings() const;
  /// The file of --config, if there is one.
  Result<std::optional<tasks::Settings>> config_settings() const;
};

}  // namespace fovea::cli
