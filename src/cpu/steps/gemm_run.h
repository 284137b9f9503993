// Running a matrix product with packed weights over all threads.
#pragma once

#include "base/thread_pool.h"
#include "kernels/gemm.h"

namespace fovea::cpu {

/// What threads share out.
enum class Split { best, rows, panels };

/// A dense left operand: rows one behind the other.
struct DenseProduct {
  const kernels::GemmKernel* kernel = nullptr;
  const float* a = nullptr;
  int64_t rows = 0, depth = 0, a_stride = 0;
  const float* packed = nullptr;
  const kernels::NarrowPanels* narrow = nullptr;  // in place of `packed`
  float* room = nullptr;                          // for each worker, to widen a panel of `narrow`
  int64_t columns = 0;
  float* c = nullptr;
  int64_t c_stride = 0;
  kernels::Epilogue epilogue;  // its pointers at row 0, column 0
  Split split = Split::best;
};

/// Rows [begin, end) times panels [first_panel, last_panel), on this thread, which is worker number `worker`.
void run_rows(const DenseProduct& p, int64_t begin, int64_t end, int64_t first_panel, int64_t last_panel,
              int worker = 0);

/// Floats that each worker needs to widen a panel: whole cache lines.
int64_t widening_floats(const kernels::GemmKernel& kernel, int64_t depth);

/// Whether threads should share out a product's rows rather than its panels. Rows keep what a core has written with
/// that core; but a last round in which some threads idle costs more.
bool share_rows(int64_t row_tiles, int64_t panels, int threads);

/// The same with a say.
inline bool share_rows(Split split, int64_t row_tiles, int64_t panels, int threads) {
  return split == Split::best ? share_rows(row_tiles, panels, threads) : split == Split::rows;
}

/// Rows of a product as its time shows them: reading weights for few rows takes as long as multiplying some more.
inline int64_t rows_worth(int64_t rows) { return rows < 16 ? 16 : rows; }

/// add(kernel, split, suffix) for other ways of a product than `usual` with Split::best: panels as wide as another
/// kernel's, and what the threads would not share out of their own accord.
template <class Add>
void add_other_ways(const kernels::GemmKernel& usual, int64_t rows, int64_t columns, int threads, const Add& add) {
  const auto other_split = [&](const kernels::GemmKernel& kernel) {
    const int64_t tiles = (rows + kernel.rows - 1) / kernel.rows, panels = kernels::panel_count(kernel, columns);
    if (threads == 1 || tiles == 1 || panels == 1) return;
    if (share_rows(tiles, panels, threads))
      add(kernel, Split::panels, ", panels");
    else
      add(kernel, Split::rows, ", rows");
  };
  other_split(usual);
  for (const kernels::GemmKernel* kernel : kernels::gemm_kernels()) {
    if (kernel == &usual || kernel->columns >= 2 * columns) continue;  // half of each panel would be empty
    add(*kernel, Split::best, "");
    if (kernel->columns == 32) other_split(*kernel);
  }
}

/// The whole product: rows are shared out where there are enough of them, else panels.
void run_product(const DenseProduct& p, ThreadPool& pool);

}  // namespace fovea::cpu
