// y = M theta, dense or sparse: the model with a closed-form posterior, for oracles.
#pragma once

#include "m4dl/linalg/sparse_rows.hpp"
#include "m4dl/model/concept.hpp"

namespace m4dl {

class LinearModel {
public:
    struct Workspace {};

    explicit LinearModel(Matrix matrix) : matrix_(std::move(matrix)) {}

    Index parameters() const { return matrix_.cols(); }
    Index outputs() const { return matrix_.rows(); }
    Workspace workspace(Chains) const { return {}; }
    void forward(const Block& theta, Block& y, Workspace&) const {
        y.matrix().noalias() = matrix_ * theta.matrix();
    }
    void pull(const Block& dy, Block& dtheta, Workspace&) const {
        dtheta.matrix().noalias() = matrix_.transpose() * dy.matrix();
    }
    void push(const Block& dtheta, Block& dy, Workspace& w) const { forward(dtheta, dy, w); }

private:
    Matrix matrix_;
};

class SparseLinearModel {
public:
    struct Workspace {};

    explicit SparseLinearModel(SparseRows matrix) : matrix_(std::move(matrix)) {}

    Index parameters() const { return matrix_.columns(); }
    Index outputs() const { return matrix_.rows(); }
    Workspace workspace(Chains) const { return {}; }
    void forward(const Block& theta, Block& y, Workspace&) const { matrix_.times(theta, y); }
    void pull(const Block& dy, Block& dtheta, Workspace&) const {
        dtheta.setZero();
        matrix_.add_transposed_times(dy, dtheta);
    }
    void push(const Block& dtheta, Block& dy, Workspace& w) const { forward(dtheta, dy, w); }

private:
    SparseRows matrix_;
};

static_assert(ForwardModel<LinearModel> && HasPull<LinearModel> && HasPush<LinearModel>);
static_assert(ForwardModel<SparseLinearModel> && HasPull<SparseLinearModel>);

}  // namespace m4dl
