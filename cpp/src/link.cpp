#include "m4dl/solve/link.hpp"

#include "m4dl/base/exponential.hpp"
#include "m4dl/base/parallel.hpp"

namespace m4dl {
namespace {

template <int W>
M4DL_INLINE void exp_kernel(const double* x, double* out, Index size) {
    for (Index k = 0; k < size; k += W)
        simd::store<W>(out + k, simd::exponential<W>(simd::load<W>(x + k)));
}
M4DL_DISPATCH(exp_kernel, exp_all, (const double* x, double* out, Index size), (x, out, size))

}  // namespace

void exponential(const Block& x, Block& out) {
    for_ranges(x.rows(), 1, [&](Index begin, Index end) {
        exp_all(x.data() + begin * kLanes, out.data() + begin * kLanes, (end - begin) * kLanes);
    });
}

}  // namespace m4dl
