// Gaussian fields on uniform grids through fast transforms:
//
//     theta = mean + scale * (V_1 x ... x V_d) (spectrum * xi),
//
// V_a the orthonormal cosine or sine basis along axis a: xi are coefficients, one for each
// eigenvector. With V Lambda V' = M^{-1/2} A M^{-1/2}, A = kappa^2 M + S (M lumped mass, S stiffness),
// spectrum = Lambda^{-alpha/2} and scale = M^{-1/2}, the covariance is that of the equation
// (kappa^2 - Lap)^{alpha/2} theta = W for every real alpha.
#pragma once

#include "m4dl/base/require.hpp"
#include "m4dl/linalg/transform.hpp"
#include "m4dl/prior/concept.hpp"

namespace m4dl {

class SpectralPrior {
public:
    struct Workspace {
        Block buffer;
    };

    // shape[a] and basis[a]: points along axis a (fields in C order) and the vectors V_a.
    SpectralPrior(const std::vector<Index>& shape, const std::vector<Basis>& basis, Vector spectrum,
                  Vector scale, Vector mean)
        : spectrum_(std::move(spectrum)), scale_(std::move(scale)), mean_(std::move(mean)) {
        require(!shape.empty() && shape.size() == basis.size(), "one basis per axis, got ",
                basis.size(), " for ", shape.size(), " axes");
        Index inner = 1;
        for (std::size_t a = shape.size(); a-- > 0; inner *= shape[a])
            axes_.insert(axes_.begin(), {LineTransform(basis[a], shape[a]), 1, inner});
        for (std::size_t a = 1; a < shape.size(); ++a)
            axes_[a].outer = axes_[a - 1].outer * shape[a - 1];
        require(spectrum_.size() == inner && scale_.size() == inner && mean_.size() == inner,
                "spectrum, scale and mean must have ", inner, " entries");
    }

    Index white() const { return spectrum_.size(); }
    Index parameters() const { return mean_.size(); }
    Workspace workspace() const {
        Index rows = 0;
        for (const Axis& axis : axes_)
            rows = std::max(rows, axis.transform.buffer_rows(parameters()));
        return {Block::Zero(rows, kLanes)};
    }
    void push(const Block& xi, Block& theta, Workspace& w) const {
        transform(Direction::kToValues, xi, theta, {spectrum_.data(), scale_.data(), mean_.data()},
                  w);
    }
    void tangent(const Block& dxi, Block& dtheta, Workspace& w) const {
        transform(Direction::kToValues, dxi, dtheta, {spectrum_.data(), scale_.data()}, w);
    }
    void pull(const Block& dtheta, Block& dxi, Workspace& w) const {
        transform(Direction::kToCoefficients, dtheta, dxi, {scale_.data(), spectrum_.data()}, w);
    }

private:
    struct Axis {
        LineTransform transform;
        Index outer, inner;  // rows of the field: (outer, points, inner)
    };

    // One pass over the field for each axis; the first and the last one scale it on their way.
    void transform(Direction direction, const Block& in, Block& out,
                   const LineTransform::Scaling& scaling, Workspace& w) const {
        const double* from = in.data();
        for (std::size_t a = 0; a < axes_.size(); ++a) {
            const bool last = a + 1 == axes_.size();
            axes_[a].transform.apply(
                direction, {from, out.data(), axes_[a].outer, axes_[a].inner},
                {a == 0 ? scaling.before : nullptr, last ? scaling.after : nullptr,
                 last ? scaling.shift : nullptr},
                w.buffer);
            from = out.data();
        }
    }

    std::vector<Axis> axes_;
    Vector spectrum_, scale_, mean_;
};

static_assert(WhiteNoiseMap<SpectralPrior>);

}  // namespace m4dl
