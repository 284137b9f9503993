#include "bench/report_svg.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "bench/report_text.h"

namespace fovea::bench {
namespace {

constexpr int kWidth = 640;      // of the picture, in its own units
constexpr double kLetter = 7.8;  // about one column of text
constexpr int kLine = 15;        // of text

double text_width(std::string_view text) { return kLetter * columns_of(text); }

std::string open(std::string_view kind, std::string_view title, int height) {
  return fmt::format(R"(<svg class="{}" viewBox="0 0 {} {}" role="img" aria-label="{}"><title>{}</title>)", kind,
                     kWidth, height, html_text(title), html_text(title));
}

std::string text_at(double x, double y, std::string_view anchor, std::string_view kind, std::string_view text) {
  return fmt::format(R"(<text x="{:.1f}" y="{:.1f}" text-anchor="{}" class="{}">{}</text>)", x, y, anchor, kind,
                     html_text(text));
}

std::string line_from(double x1, double y1, double x2, double y2, std::string_view kind) {
  return fmt::format(R"(<line x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}" class="{}"/>)", x1, y1, x2, y2, kind);
}

/// A precision has a shape besides its colour: circle, square, triangle, diamond; a cross for others.
std::string marker(double x, double y, std::string_view precision) {
  const auto path = [&](std::string_view d) {
    return fmt::format(R"svg(<path transform="translate({:.1f} {:.1f})" d="{}" class="dot {}"/>)svg", x, y, d,
                       precision_class(precision));
  };
  if (precision == "fp32") return path("M-6 0a6 6 0 1 0 12 0a6 6 0 1 0 -12 0Z");
  if (precision == "bf16") return path("M-5.5-5.5h11v11h-11Z");
  if (precision == "int8") return path("M0-7L6.5 5h-13Z");
  if (precision == "fp16") return path("M0-7.5L7.5 0L0 7.5L-7.5 0Z");
  return path("M-6-2h4v-4h4v4h4v4h-4v4h-4v-4h-4Z");
}

/// A logarithmic axis between two positions of the picture.
class LogAxis {
 public:
  /// Precondition: 0 < low <= high.
  LogAxis(double low, double high, double from, double to) : from_(from), to_(to) {
    const double middle = (std::log10(low) + std::log10(high)) / 2;
    constexpr double kLeastDecades = 0.4;  // so that equal values do not fill the picture
    const double half = std::max(std::log10(high) - std::log10(low), kLeastDecades) / 2 * 1.12;
    low_ = middle - half;
    high_ = middle + half;
  }
  double place(double value) const { return from_ + (std::log10(value) - low_) / (high_ - low_) * (to_ - from_); }

  /// Round values: several in each decade where there are few decades, else some of the powers of ten.
  std::vector<double> ticks() const {
    static const std::vector<double> kPowers = {1}, kCoarse = {1, 2, 5}, kFine = {1, 1.5, 2, 3, 4, 5, 7};
    const double decades = high_ - low_;
    const std::vector<double>& steps = decades < 1 ? kFine : decades < 2.5 ? kCoarse : kPowers;
    const int every = std::max(1, static_cast<int>(decades / 6));
    std::vector<double> values;
    for (int decade = static_cast<int>(std::floor(low_)); decade <= high_; ++decade) {
      if (decade % every != 0) continue;
      for (double step : steps) {
        const double log = decade + std::log10(step);
        if (log >= low_ && log <= high_) values.push_back(std::pow(10.0, log));
      }
    }
    return values;
  }

 private:
  double from_, to_, low_ = 0, high_ = 1;
};

/// "1e-06", and "1.5e-06" where it needs it.
std::string exponent_text(double value) {
  const std::string text = fmt::format("{:.1e}", value);
  const size_t zero = text.find(".0e");
  return zero == std::string::npos ? text : text.substr(0, zero) + text.substr(zero + 2);
}

struct Box {
  double left, top, right, bottom;
  bool overlaps(const Box& other) const {
    return left < other.right && other.left < right && top < other.bottom && other.top < bottom;
  }
};

/// Where labels may stand without covering one another: the place nearest to the wanted one, above or below.
class Labels {
 public:
  Labels(double top, double bottom) : top_(top), bottom_(bottom) {}

  void keep_free(const Box& box) { taken_.push_back(box); }

  double place(double left, double right, double y) {
    for (int step = 0; step < 60; ++step) {
      const double moved = y + (step % 2 == 0 ? 1 : -1) * (step + 1) / 2 * (kLine / 2.0);
      const Box box{left, moved - kLine / 2.0, right, moved + kLine / 2.0};
      if (box.top < top_ || box.bottom > bottom_) continue;
      if (std::ranges::any_of(taken_, [&](const Box& other) { return box.overlaps(other); })) continue;
      taken_.push_back(box);
      return moved;
    }
    return y;
  }

 private:
  double top_, bottom_;
  std::vector<Box> taken_;
};

}  // namespace

std::string_view precision_class(std::string_view precision) {
  if (precision == "fp32") return "p-fp32";
  if (precision == "bf16") return "p-bf16";
  if (precision == "fp16") return "p-fp16";
  if (precision == "int8") return "p-int8";
  return "p-other";
}

std::string bars_svg(std::string_view title, const std::vector<Bar>& bars, double mark) {
  if (bars.empty()) return {};
  constexpr int kBar = 16, kStep = 24, kTop = 6;
  constexpr double kGap = 8;
  double most = mark, labels = 0, figures = 0;
  for (const Bar& bar : bars) {
    most = std::max(most, bar.value);
    labels = std::max(labels, text_width(bar.label));
    figures = std::max(figures, text_width(bar.text));
  }
  labels = std::min(labels, kWidth * 0.4);
  const double left = labels + kGap, room = std::max(60.0, kWidth - left - figures - 2 * kGap);
  const auto length = [&](double value) { return most > 0 ? std::max(1.0, value / most * room) : 1.0; };
  const int height = kTop + kStep * static_cast<int>(bars.size());
  std::string svg = open("bars", title, height);
  if (mark > 0) svg += line_from(left + length(mark), 0, left + length(mark), height, "mark");
  double y = kTop;
  for (const Bar& bar : bars) {
    const std::string_view kind = bar.strong ? "strong" : "";
    const int columns = static_cast<int>(labels / kLetter);
    svg += text_at(left - kGap, y + kBar - 4, "end", kind, shorten(bar.label, columns));
    svg += fmt::format(R"(<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{}" rx="2" class="{}"/>)", left, y,
                       length(bar.value), kBar, precision_class(bar.precision));
    svg += text_at(left + length(bar.value) + kGap, y + kBar - 4, "start", kind, bar.text);
    y += kStep;
  }
  return svg + "</svg>";
}

std::string dots_svg(std::string_view title, std::string_view x_title, std::string_view y_title,
                     const std::vector<Dot>& all) {
  std::vector<Dot> dots;
  for (const Dot& dot : all)
    if (std::isfinite(dot.x) && std::isfinite(dot.y) && dot.x > 0 && dot.y >= 0) dots.push_back(dot);
  if (dots.size() < 2) return {};
  double x_low = dots.front().x, x_high = x_low, y_low = 0, y_high = 0;
  bool zeros = false;
  for (const Dot& dot : dots) {
    x_low = std::min(x_low, dot.x);
    x_high = std::max(x_high, dot.x);
    y_high = std::max(y_high, dot.y);
    if (dot.y > 0) y_low = y_low > 0 ? std::min(y_low, dot.y) : dot.y;
    zeros |= dot.y == 0;
  }
  if (y_low == 0) y_low = y_high = 1e-7;

  constexpr double kLeft = 58, kRight = kWidth - 10, kTop = 24, kBottom = 310, kFloor = 22;
  constexpr int kHeight = 360;
  const LogAxis x(x_low, x_high, kLeft + 10, kRight - 10);
  const LogAxis y(y_low, y_high, kBottom - (zeros ? kFloor : 4), kTop + 8);
  std::string svg = open("dots", title, kHeight);
  for (double tick : x.ticks()) {
    svg += line_from(x.place(tick), kTop, x.place(tick), kBottom, "grid");
    svg += text_at(x.place(tick), kBottom + kLine, "middle", "", fmt::format("{:g}", tick));
  }
  for (double tick : y.ticks()) {
    svg += line_from(kLeft, y.place(tick), kRight, y.place(tick), "grid");
    svg += text_at(kLeft - 6, y.place(tick) + 4, "end", "", exponent_text(tick));
  }
  const double floor = kBottom - 8;
  if (zeros) svg += text_at(kLeft - 6, floor + 4, "end", "", "0");
  svg += line_from(kLeft, kTop, kLeft, kBottom, "axis") + line_from(kLeft, kBottom, kRight, kBottom, "axis");
  svg += text_at((kLeft + kRight) / 2, kHeight - 12, "middle", "", x_title);
  svg += text_at(0, 13, "start", "", y_title);

  const auto height = [&](const Dot& dot) { return dot.y > 0 ? y.place(dot.y) : floor; };
  Labels labels(kTop - 4, kBottom + 2);
  for (const Dot& dot : dots)
    labels.keep_free({x.place(dot.x) - 7, height(dot) - 7, x.place(dot.x) + 7, height(dot) + 7});
  for (const Dot& dot : dots) {
    const double at = x.place(dot.x), width = text_width(dot.label);
    const bool right = at + 12 + width <= kRight;
    const double near = right ? at + 12 : at - 12, far = right ? near + width : near - width;
    const double label_y = labels.place(std::min(near, far), std::max(near, far), height(dot));
    if (std::fabs(label_y - height(dot)) > kLine / 2.0) svg += line_from(at, height(dot), near, label_y, "leader");
    svg += marker(at, height(dot), dot.precision);
    svg += text_at(near, label_y + 4, right ? "start" : "end", "", dot.label);
  }
  return svg + "</svg>";
}

}  // namespace fovea::bench
