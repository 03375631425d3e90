// What the bindings of models share.
#pragma once

#include "arrays.hpp"
#include "m4dl/fem/grid.hpp"
#include "m4dl/model/any.hpp"
#include "m4dl/solve/link.hpp"

namespace m4dl::bind {

using namespace pybind11::literals;

template <class M, class... Args>
AnyModel make(Args&&... args) {
    return AnyModel(std::make_shared<const M>(std::forward<Args>(args)...));
}

inline Link make_link(const std::string& kind, double floor) {
    if (kind == "identity") return {Link::Kind::kIdentity, floor};
    if (kind == "softplus") return {Link::Kind::kSoftplus, floor};
    require(kind == "exp", "link must be 'identity', 'exp' or 'softplus', got '", kind, "'");
    return {Link::Kind::kExp, floor};
}

// Nodes and weights at each point, (points, entries) each; all weights are 0 where no cell holds it.
template <class Mesh>
py::tuple interpolate(const Mesh& mesh, const Array& points, Index entries) {
    const std::vector<Weights> found = mesh.interpolate(to_matrix(points));
    const auto count = static_cast<Index>(found.size());
    Integers node({count, entries});
    Array weight({count, entries});
    std::fill_n(node.mutable_data(), node.size(), 0);
    std::fill_n(weight.mutable_data(), weight.size(), 0.0);
    for (Index p = 0; p < count; ++p)
        for (std::size_t e = 0; e < found[p].size(); ++e) {
            node.mutable_data()[p * entries + static_cast<Index>(e)] = found[p][e].first;
            weight.mutable_data()[p * entries + static_cast<Index>(e)] = found[p][e].second;
        }
    return py::make_tuple(node, weight);
}

}  // namespace m4dl::bind
