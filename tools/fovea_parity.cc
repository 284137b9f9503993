// Test driver of tools/check_pillow_parity.py: photos and what to do with them on stdin, pixels or tensors on stdout.
// A request is a line of key=value words, of which bytes=N announces N bytes of an image file right after the line:
//   op=decode bytes=N [orient=1]
//   op=resize bytes=N size=HxW filter=NAME
//   op=time_resize bytes=N size=HxW filter=NAME repeat=R    (on one thread; 8 bytes behind the pixels: the least
//             milliseconds of R times, a double)
//   op=timm   bytes=N size=HxW crop_pct=P mode=NAME filter=NAME mean=a,b,c std=a,b,c [layout=] [order=]
//   op=spec   bytes=N rule=NAME to=HxW divisor=N filter=NAME crop_rule=NAME crop=HxW fill=r,g,b [rescale=F]
//             mean= std= [layout=nhwc] [order=bgr]
// timm and spec take resize=float or scaled, too (mode is the crop mode already). Both are done twice, from the
// decoded photo and while it is decoded; with resize=exact the answer is an error where that makes a difference.
// With threads=N, as many threads make a part of the rows each, and the answer is an error where that makes one.
// The answer is "ok HEIGHT WIDTH COUNT\n" and COUNT bytes (u8 RGB, or f32), or "error CODE TEXT\n".
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "image/decode.h"
#include "image/resample.h"
#include "image/transform.h"

namespace {

using namespace fovea;
using namespace fovea::image;
using Words = std::map<std::string, std::string>;

struct Answer {
  Size size;
  std::string bytes;
};

Size parse_size(const std::string& text) {
  char* end = nullptr;
  const long height = std::strtol(text.c_str(), &end, 10);
  return {height, *end == 'x' ? std::strtol(end + 1, nullptr, 10) : height};
}

std::array<double, 3> parse_three(const std::string& text) {
  std::array<double, 3> values{};
  const char* at = text.c_str();
  for (double& value : values) {
    char* end = nullptr;
    value = std::strtod(at, &end);
    at = *end == ',' ? end + 1 : end;
  }
  return values;
}

template <class T>
Result<T> one_of(const std::string& name, const std::vector<std::pair<std::string, T>>& table) {
  for (const auto& [known, value] : table)
    if (known == name) return value;
  return invalid_argument("\"{}\" is not known to the parity driver", name);
}

Answer answer_of(const Image& image) {
  return {image.size(), std::string(reinterpret_cast<const char*>(image.data()), static_cast<size_t>(image.bytes()))};
}

Result<Answer> timed_resize(const Image& photo, Size size, Interpolation filter, long repeat) {
  using Clock = std::chrono::steady_clock;
  Answer answer;
  double least = 1e300;
  for (long i = 0; i < std::max(repeat, 1L); ++i) {
    const auto start = Clock::now();
    const Image image = FOVEA_TRY(resize(photo.view(), size, filter));
    least = std::min(least, std::chrono::duration<double, std::milli>(Clock::now() - start).count());
    if (i == 0) answer = answer_of(image);
  }
  answer.bytes.append(reinterpret_cast<const char*>(&least), sizeof least);
  return answer;
}

Result<TransformSpec> parse_spec(Words& words) {
  TransformSpec spec;
  spec.resize_rule = FOVEA_TRY(one_of<ResizeRule>(words["rule"], {{"none", ResizeRule::none},
                                                                  {"exact", ResizeRule::exact},
                                                                  {"shortest", ResizeRule::shortest},
                                                                  {"cover", ResizeRule::cover},
                                                                  {"contain", ResizeRule::contain},
                                                                  {"shortest_capped", ResizeRule::shortest_capped},
                                                                  {"fit", ResizeRule::fit}}));
  spec.crop_rule = FOVEA_TRY(one_of<CropRule>(
      words["crop_rule"],
      {{"none", CropRule::none}, {"torchvision", CropRule::torchvision}, {"transformers", CropRule::transformers}}));
  spec.interpolation = FOVEA_TRY(parse_interpolation(words["filter"]));
  spec.resize = parse_size(words["to"]);
  spec.crop = parse_size(words["crop"]);
  if (words.count("divisor") != 0) spec.divisor = std::atol(words["divisor"].c_str());
  if (words.count("rescale") != 0) spec.rescale = std::strtod(words["rescale"].c_str(), nullptr);
  const auto fill = parse_three(words["fill"]);
  for (size_t c = 0; c < 3; ++c) spec.fill[c] = static_cast<uint8_t>(fill[c]);
  spec.mean = parse_three(words["mean"]);
  spec.std = parse_three(words["std"]);
  return spec;
}

/// The input made by threads, each from a reader of its own, in parts of about the same size.
Result<void> by_threads(const Transform& transform, const std::string& file, const DecodeOptions& options, Size size,
                        int64_t threads, float* values) {
  threads = std::min(threads, size.height);
  std::vector<Result<void>> outcomes(static_cast<size_t>(threads));
  std::vector<std::thread> running;
  for (int64_t part = 0; part < threads; ++part)
    running.emplace_back([&, part] {
      const auto make = [&]() -> Result<void> {
        const auto reader = FOVEA_TRY(PhotoReader::open(std::as_bytes(std::span(file)), options));
        return transform.rows(*reader, part * size.height / threads, (part + 1) * size.height / threads,
                              [&](int64_t y, const uint8_t* rgb) { transform.normalize_row(rgb, y, size, values); });
      };
      outcomes[static_cast<size_t>(part)] = make();
    });
  for (std::thread& thread : running) thread.join();
  for (Result<void>& outcome : outcomes) FOVEA_TRY(std::move(outcome));
  return {};
}

Result<Answer> transformed(const Image& photo, const std::string& file, const DecodeOptions& options,
                           TransformSpec spec, Words& words) {
  const auto reader = FOVEA_TRY(PhotoReader::open(std::as_bytes(std::span(file)), options));
  if (words.count("resize") != 0) spec.mode = FOVEA_TRY(parse_resize_mode(words["resize"]));
  if (words["layout"] == "nhwc") spec.layout = Layout::nhwc;
  if (words["order"] == "bgr") spec.order = ChannelOrder::bgr;
  const Transform transform = FOVEA_TRY(Transform::create(spec));
  const Size size = FOVEA_TRY(transform.output_size(photo.size()));
  const bool nhwc = spec.layout == Layout::nhwc;
  Tensor out = FOVEA_TRY(
      Tensor::allocate(DType::f32, nhwc ? Shape{size.height, size.width, 3} : Shape{1, 3, size.height, size.width}));
  const Image pixels = FOVEA_TRY(transform.pixels(*reader));
  if (spec.mode == ResizeMode::exact) {
    const Image other = FOVEA_TRY(transform.pixels(photo.view()));
    if (pixels.size() != other.size() || std::memcmp(pixels.data(), other.data(), static_cast<size_t>(pixels.bytes())))
      return internal("the photo by rows differs from the photo as a whole");
  }
  FOVEA_TRY(transform.normalize(pixels.view(), out.mutable_view()));
  if (const long threads = std::atol(words["threads"].c_str()); threads > 1) {
    Tensor other = FOVEA_TRY(Tensor::allocate(DType::f32, out.shape()));
    FOVEA_TRY(by_threads(transform, file, options, size, threads, other.mutable_view().as<float>()));
    if (std::memcmp(out.raw(), other.raw(), out.bytes()) != 0)
      return internal("the photo by {} threads differs", threads);
  }
  return Answer{size, std::string(static_cast<const char*>(out.raw()), out.bytes())};
}

Result<Answer> perform(Words& words, const std::string& file) {
  DecodeOptions options;
  options.apply_orientation = words["orient"] == "1";
  const Image photo = FOVEA_TRY(decode(std::as_bytes(std::span(file)), options));
  const std::string& op = words["op"];
  if (op == "decode") return answer_of(photo);
  if (op == "spec") return transformed(photo, file, options, FOVEA_TRY(parse_spec(words)), words);
  const Interpolation filter = FOVEA_TRY(parse_interpolation(words["filter"]));
  const Size size = parse_size(words["size"]);
  if (op == "resize") return answer_of(FOVEA_TRY(resize(photo.view(), size, filter)));
  if (op == "time_resize") return timed_resize(photo, size, filter, std::atol(words["repeat"].c_str()));
  if (op == "timm") {
    const TimmCropMode mode = FOVEA_TRY(parse_timm_crop_mode(words["mode"]));
    const double crop_pct = std::strtod(words["crop_pct"].c_str(), nullptr);
    const auto mean = parse_three(words["mean"]), std = parse_three(words["std"]);
    return transformed(photo, file, options, timm_transform(size, crop_pct, mode, filter, mean, std), words);
  }
  return invalid_argument("op={} is not known to the parity driver", op);
}

}  // namespace

int main() {
  std::ios::sync_with_stdio(false);
  for (std::string line; std::getline(std::cin, line);) {
    Words words;
    std::istringstream in(line);
    for (std::string word; in >> word;) {
      const size_t equals = word.find('=');
      if (equals != std::string::npos) words[word.substr(0, equals)] = word.substr(equals + 1);
    }
    std::string file(std::strtoul(words["bytes"].c_str(), nullptr, 10), '\0');
    if (!std::cin.read(file.data(), static_cast<std::streamsize>(file.size()))) return 2;
    const auto answer = perform(words, file);
    if (answer)
      std::cout << "ok " << answer->size.height << ' ' << answer->size.width << ' ' << answer->bytes.size() << '\n'
                << answer->bytes;
    else
      std::cout << "error " << static_cast<int>(answer.error().code) << ' ' << answer.error().to_string() << '\n';
    std::cout.flush();
  }
  return 0;
}
