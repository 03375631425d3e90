#include "m4dl/model/group_transforms.hpp"

namespace m4dl {
namespace {

template <int W>
using So2 = SoN<2, W>;
template <int W>
using So3ByMatrices = SoN<3, W>;
template <int W>
using So4 = SoN<4, W>;

}  // namespace

std::shared_ptr<NonAbelianXRay::Transforms> matrix_transforms(Index n) {
    using groups::Compiled;
    require(n >= 2 && n <= NonAbelianXRay::kLargest, "n must be from 2 to ",
            NonAbelianXRay::kLargest, ", got ", n);
    if (n == 2) return std::make_shared<Compiled<So2>>();
    if (n == 3) return std::make_shared<Compiled<So3ByMatrices>>();
    if (n == 4) return std::make_shared<Compiled<So4>>();
    return transforms_of_so5();
}

}  // namespace m4dl
