// Series prior in a product basis on a box: theta(x) = mean + sum_k s_k xi_k prod_a e_{k_a}(x_a),
// evaluated axis by axis (for the sine basis of the Dirichlet-Laplacian, the coordinates in which
// Nickl and Wang, J. Eur. Math. Soc. 2022, run Langevin algorithms).
#pragma once

#include <vector>

#include "m4dl/base/require.hpp"
#include "m4dl/prior/concept.hpp"

namespace m4dl {

class SeriesPrior {
public:
    struct Workspace {
        Block from, to;
    };

    // basis[a]: (points along axis a, modes along axis a); mode[k]: position of mode k in the
    // C-order tensor of coefficients; std[k] = s_k.
    SeriesPrior(std::vector<Matrix> basis, std::vector<Index> mode, Vector std, Vector mean)
        : basis_(std::move(basis)),
          mode_(std::move(mode)),
          std_(std::move(std)),
          mean_(std::move(mean)) {
        Index coefficients = 1, points = 1;
        for (const Matrix& b : basis_) coefficients *= b.cols(), points *= b.rows();
        coefficients_ = coefficients;
        require(static_cast<Index>(mode_.size()) == std_.size(), "one mode per standard deviation");
        require(mean_.size() == points, "mean must have ", points, " entries, got ", mean_.size());
        for (const Index m : mode_)
            require(m >= 0 && m < coefficients, "mode ", m, " is not below ", coefficients);
    }

    Index white() const { return std_.size(); }
    Index parameters() const { return mean_.size(); }
    Workspace workspace() const { return {}; }

    void push(const Block& xi, Block& theta, Workspace& w) const {
        tangent(xi, theta, w);
        theta.colwise() += mean_.array();
    }
    void tangent(const Block& dxi, Block& dtheta, Workspace& w) const {
        w.from.setZero(coefficients_, kLanes);
        for (Index k = 0; k < white(); ++k) w.from.row(mode_[k]) = std_[k] * dxi.row(k);
        for (std::size_t a = 0; a < basis_.size(); ++a) contract(basis_[a], a, true, w);
        dtheta = w.from;
    }
    void pull(const Block& dtheta, Block& dxi, Workspace& w) const {
        w.from = dtheta;
        for (std::size_t a = 0; a < basis_.size(); ++a)
            contract(basis_[a].transpose(), a, false, w);
        for (Index k = 0; k < white(); ++k) dxi.row(k) = std_[k] * w.from.row(mode_[k]);
    }

private:
    // Applies m along axis `axis` of the tensor in w.from. Axes before it have been transformed
    // already, so their lengths are those of the target space.
    void contract(const Matrix& m, std::size_t axis, bool to_points, Workspace& w) const {
        Index before = 1, after = kLanes;
        for (std::size_t a = 0; a < basis_.size(); ++a) {
            const bool points = (a < axis) == to_points;
            const Index length = points ? basis_[a].rows() : basis_[a].cols();
            if (a < axis) before *= length;
            if (a > axis) after *= length;
        }
        const Index n = m.cols(), rows = m.rows();
        w.to.resize(before * rows * after / kLanes, kLanes);
        for (Index b = 0; b < before; ++b) {
            Eigen::Map<const Matrix> x(w.from.data() + b * n * after, n, after);
            Eigen::Map<Matrix>(w.to.data() + b * rows * after, rows, after).noalias() = m * x;
        }
        w.from.swap(w.to);
    }

    std::vector<Matrix> basis_;
    std::vector<Index> mode_;
    Vector std_, mean_;
    Index coefficients_ = 0;
};

static_assert(WhiteNoiseMap<SeriesPrior>);

}  // namespace m4dl
