// Fields along rays. A ray is cut into steps; at the two Gauss points of each step, 1/2 -+ sqrt(3)/6
// of its width, a field is a fixed combination of its values: linear interpolation on a mesh, or any
// basis. The transforms of the X-ray family differ in what they do with these numbers.
#pragma once

#include <cstdint>
#include <vector>

#include "m4dl/base/parallel.hpp"
#include "m4dl/base/require.hpp"
#include "m4dl/base/simd.hpp"
#include "m4dl/linalg/sparse_rows.hpp"

namespace m4dl {

class Paths {
public:
    static constexpr Index kPoints = 2;  // of a step

    // Steps first[i] .. first[i + 1] - 1 lead along ray i from its entry to its exit; `width`: of each
    // step. At its point k a field is the sum over e of weight(k, e) times its value node(k, e).
    Paths(std::vector<Index> first, std::vector<double> width, Index nodes,
          const std::vector<Index>& node, std::vector<double> weight)
        : first_(std::move(first)),
          width_(std::move(width)),
          nodes_(nodes),
          weight_(std::move(weight)) {
        require(first_.size() > 1 && first_.front() == 0 && first_.back() == steps(),
                "first must lead from 0 to the ", steps(), " steps, by one ray at least");
        require(std::is_sorted(first_.begin(), first_.end()), "first must not decrease");
        require(nodes_ > 0 && nodes_ <= std::numeric_limits<std::int32_t>::max(),
                "nodes must fit into 31 bits, got ", nodes_);
        const Index points = kPoints * steps();
        per_point_ = points > 0 ? static_cast<Index>(weight_.size()) / points : 0;
        require(node.size() == weight_.size() &&
                    static_cast<Index>(weight_.size()) == per_point_ * points,
                "node and weight must have as many entries at each of the ", points, " points");
        node_.reserve(node.size());
        for (const Index k : node) {
            require(k >= 0 && k < nodes_, "node must be below ", nodes_, ", got ", k);
            node_.push_back(static_cast<std::int32_t>(k));
        }
    }

    Index rays() const { return static_cast<Index>(first_.size()) - 1; }
    Index steps() const { return static_cast<Index>(width_.size()); }
    Index nodes() const { return nodes_; }
    Index first(Index ray) const { return first_[ray]; }
    double width(Index step) const { return width_[step]; }
    // Rows of lanes that a ray of a field with C components touches, for for_ranges.
    Index work(Index components) const { return components * kPoints * steps() / rays(); }

    // The rows sum over the points p of a ray of scale(p) times the field there.
    SparseRows integrals(const std::vector<double>& scale) const {
        std::vector<Entry> entries;
        entries.reserve(weight_.size());
        for (Index ray = 0; ray < rays(); ++ray)
            for (Index p = kPoints * first_[ray]; p < kPoints * first_[ray + 1]; ++p)
                for (Index e = p * per_point_; e < (p + 1) * per_point_; ++e)
                    if (weight_[e] != 0.0)
                        entries.push_back({ray, node_[e], scale[p] * weight_[e]});
        return SparseRows(rays(), nodes_, std::move(entries));
    }

    // A field of C components, each of them `nodes` rows, with the components of a node side by side:
    // what a point wants of it then lies in few places.
    void interleave(const Block& theta, Index components, Block& field) const {
        for_ranges(nodes_, components, [&](Index begin, Index end) {
            for (Index k = begin; k < end; ++k)
                for (Index c = 0; c < components; ++c)
                    field.row(k * components + c) = theta.row(c * nodes_ + k);
        });
    }
    void separate(const Block& field, Index components, Block& theta) const {
        for_ranges(nodes_, components, [&](Index begin, Index end) {
            for (Index k = begin; k < end; ++k)
                for (Index c = 0; c < components; ++c)
                    theta.row(c * nodes_ + k) = field.row(k * components + c);
        });
    }

    // C components of an interleaved field at a point, from lane `half` on.
    template <int W, int C>
    M4DL_INLINE void sample(const double* field, Index point, int half, simd::Real<W>* a) const {
        const Index e = point * per_point_;
        if (per_point_ == 3) {  // triangles
            const double *at0 = row<C>(field, e) + half, *at1 = row<C>(field, e + 1) + half,
                         *at2 = row<C>(field, e + 2) + half;
            for (int c = 0; c < C; ++c)
                a[c] = weight_[e] * simd::load<W>(at0 + c * kLanes) +
                       weight_[e + 1] * simd::load<W>(at1 + c * kLanes) +
                       weight_[e + 2] * simd::load<W>(at2 + c * kLanes);
            return;
        }
        for (int c = 0; c < C; ++c) a[c] = simd::Real<W>{};
        for (Index k = e; k < e + per_point_; ++k) {
            const double* at = row<C>(field, k) + half;
            for (int c = 0; c < C; ++c) a[c] += weight_[k] * simd::load<W>(at + c * kLanes);
        }
    }
    // Its adjoint: field += P' a.
    template <int W, int C>
    M4DL_INLINE void spread(const simd::Real<W>* a, Index point, int half, double* field) const {
        for (Index e = point * per_point_; e < (point + 1) * per_point_; ++e) {
            double* at = field + node_[e] * C * kLanes + half;
            for (int c = 0; c < C; ++c, at += kLanes)
                simd::store<W>(at, simd::load<W>(at) + weight_[e] * a[c]);
        }
    }

private:
    template <int C>
    M4DL_INLINE const double* row(const double* field, Index entry) const {
        return field + node_[entry] * C * kLanes;
    }

    std::vector<Index> first_;
    std::vector<double> width_;
    Index nodes_, per_point_;
    std::vector<std::int32_t> node_;
    std::vector<double> weight_;
};

}  // namespace m4dl
