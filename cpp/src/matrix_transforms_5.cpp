#include "m4dl/model/group_transforms.hpp"

namespace m4dl {
namespace {

template <int W>
using So5 = SoN<5, W>;

}  // namespace

std::shared_ptr<NonAbelianXRay::Transforms> transforms_of_so5() {
    return std::make_shared<groups::Compiled<So5>>();
}

}  // namespace m4dl
