#include "m4dl/linalg/tall_matrix.hpp"

#include "m4dl/base/parallel.hpp"
#include "m4dl/base/simd.hpp"

namespace m4dl {
namespace {

using simd::Real;

constexpr int kT = static_cast<int>(TallMatrix::kTile), kL = static_cast<int>(kLanes);

// a += P' x for one tile P of a panel, (rows, kTile). The sums run down the rows in each lane.
template <int W>
M4DL_INLINE void transpose_tile_kernel(const double* tile, const double* x, Index rows, double* a) {
    for (int half = 0; half < kL; half += W) {
        Real<W> sum[kT];
        for (int t = 0; t < kT; ++t) sum[t] = simd::load<W>(a + t * kL + half);
        for (Index k = 0; k < rows; ++k) {
            const Real<W> value = simd::load<W>(x + k * kL + half);
            for (int t = 0; t < kT; ++t) sum[t] += value * tile[k * kT + t];
        }
        for (int t = 0; t < kT; ++t) simd::store<W>(a + t * kL + half, sum[t]);
    }
}

// x += P a.
template <int W>
M4DL_INLINE void add_tile_kernel(const double* tile, const double* a, Index rows, double* x) {
    for (int half = 0; half < kL; half += W) {
        Real<W> c[kT];
        for (int t = 0; t < kT; ++t) c[t] = simd::load<W>(a + t * kL + half);
        for (Index k = 0; k < rows; ++k) {
            const double* p = tile + k * kT;
            const Real<W> sum = ((c[0] * p[0] + c[1] * p[1]) + (c[2] * p[2] + c[3] * p[3])) +
                                ((c[4] * p[4] + c[5] * p[5]) + (c[6] * p[6] + c[7] * p[7]));
            simd::store<W>(x + k * kL + half, simd::load<W>(x + k * kL + half) + sum);
        }
    }
}

M4DL_DISPATCH(transpose_tile_kernel, transpose_tile,
              (const double* tile, const double* x, Index rows, double* a), (tile, x, rows, a))
M4DL_DISPATCH(add_tile_kernel, add_tile,
              (const double* tile, const double* a, Index rows, double* x), (tile, a, rows, x))

}  // namespace

TallMatrix::TallMatrix(const Matrix& v) : rows_(v.rows()), cols_(v.cols()) {
    values_.assign(static_cast<std::size_t>(rows_ * padded_cols()), 0.0);
    double* out = values_.data();
    for (Index first = 0; first < rows_; first += kRows)
        for (Index column = 0; column < padded_cols(); column += kTile)
            for (Index k = first; k < std::min(rows_, first + kRows); ++k)
                for (Index j = column; j < column + kTile; ++j) *out++ = j < cols_ ? v(k, j) : 0.0;
}

void TallMatrix::transpose_times(const Block& x, Block& a) const {
    const Index tiles = padded_cols() / kTile;
    for_ranges(tiles, rows_, [&](Index begin, Index end) {
        a.middleRows(begin * kTile, (end - begin) * kTile).setZero();
        for (Index first = 0; first < rows_; first += kRows) {
            const Index count = std::min(kRows, rows_ - first);
            const double* panel = values_.data() + first * padded_cols();
            for (Index tile = begin; tile < end; ++tile)
                transpose_tile(panel + tile * kTile * count, x.data() + first * kLanes, count,
                               a.data() + tile * kTile * kLanes);
        }
    });
}

void TallMatrix::add_times(const Block& a, Block& x) const {
    const Index tiles = padded_cols() / kTile, panels = (rows_ + kRows - 1) / kRows;
    for_ranges(panels, kRows * tiles, [&](Index begin, Index end) {
        for (Index first = begin * kRows; first < std::min(rows_, end * kRows); first += kRows) {
            const Index count = std::min(kRows, rows_ - first);
            const double* panel = values_.data() + first * padded_cols();
            for (Index tile = 0; tile < tiles; ++tile)
                add_tile(panel + tile * kTile * count, a.data() + tile * kTile * kLanes, count,
                         x.data() + first * kLanes);
        }
    });
}

}  // namespace m4dl
