#include "m4dl/model/non_abelian_xray.hpp"

#include "m4dl/base/parallel.hpp"
#include "m4dl/model/group_transforms.hpp"

namespace m4dl {
namespace {

std::shared_ptr<NonAbelianXRay::Transforms> transforms(NonAbelianXRay::Group group, Index n) {
    using Group = NonAbelianXRay::Group;
    if (group == Group::kSo3) return std::make_shared<groups::Compiled<So3>>();
    if (group == Group::kSu2) return std::make_shared<groups::Compiled<Su2>>();
    return matrix_transforms(n);
}

}  // namespace

NonAbelianXRay::NonAbelianXRay(Paths paths, Group group, Index n)
    : paths_(std::move(paths)), transforms_(transforms(group, n)) {}

void NonAbelianXRay::forward(const Block& theta, Block& y, Workspace& w) const {
    paths_.interleave(theta, transforms_->components, w.field);
    for_ranges(paths_.rays(), paths_.work(transforms_->components), [&](Index begin, Index end) {
        transforms_->forward(paths_, w.field.data(), y.data(), begin, end);
    });
    w.y = y;
}

void NonAbelianXRay::pull(const Block& dy, Block& dtheta, Workspace& w) const {
    w.tangent.setZero();
    transforms_->pull(paths_, w.field.data(), w.y.data(), dy.data(), w.tangent.data());
    paths_.separate(w.tangent, transforms_->components, dtheta);
}

void NonAbelianXRay::push(const Block& dtheta, Block& dy, Workspace& w) const {
    paths_.interleave(dtheta, transforms_->components, w.tangent);
    for_ranges(paths_.rays(), paths_.work(transforms_->components), [&](Index begin, Index end) {
        transforms_->push(paths_, w.field.data(), w.y.data(), w.tangent.data(), dy.data(), begin,
                          end);
    });
}

}  // namespace m4dl
