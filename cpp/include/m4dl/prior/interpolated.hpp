// A field carried to other points: theta = P T(xi), with another prior's map T and P sparse, linear
// interpolation say. On an unstructured mesh a field made on a grid around it by fast transforms costs
// less than a solve on the mesh, and no factor.
#pragma once

#include "m4dl/base/require.hpp"
#include "m4dl/linalg/sparse_rows.hpp"
#include "m4dl/prior/any.hpp"

namespace m4dl {

class InterpolatedPrior {
public:
    struct Workspace {
        std::unique_ptr<AnyPrior::Work> work;
        Block field;
    };

    InterpolatedPrior(AnyPrior prior, SparseRows interpolation)
        : prior_(std::move(prior)),
          interpolation_(std::move(interpolation)),
          transposed_(interpolation_.transposed()) {
        require(interpolation_.columns() == prior_.parameters(), "the interpolation must have ",
                prior_.parameters(), " columns, got ", interpolation_.columns());
    }

    Index white() const { return prior_.white(); }
    Index parameters() const { return interpolation_.rows(); }
    Workspace workspace() const { return {prior_.work(), zeros(prior_.parameters())}; }
    void push(const Block& xi, Block& theta, Workspace& w) const {
        w.work->push(xi, w.field);
        interpolation_.times(w.field, theta);
    }
    void tangent(const Block& dxi, Block& dtheta, Workspace& w) const {
        w.work->tangent(dxi, w.field);
        interpolation_.times(w.field, dtheta);
    }
    void pull(const Block& dtheta, Block& dxi, Workspace& w) const {
        transposed_.times(dtheta, w.field);
        w.work->pull(w.field, dxi);
    }

private:
    AnyPrior prior_;
    SparseRows interpolation_, transposed_;
};

static_assert(WhiteNoiseMap<InterpolatedPrior>);

}  // namespace m4dl
