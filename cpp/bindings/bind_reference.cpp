// Metrics: changes of white noise.
#include "arrays.hpp"
#include "m4dl/bayes/reference.hpp"

namespace m4dl::bind {

using namespace pybind11::literals;
using SharedReference = std::shared_ptr<Reference>;

void bind_reference(py::module_& m) {
    py::class_<Reference, SharedReference>(m, "Reference")
        .def_property_readonly("white", &Reference::white)
        .def(
            "push",
            [](const Reference& r, const Array& z) {
                const Index rows = batch_rows("z", z, r.white());
                Array out({rows, r.white()});
                over_lanes(rows, {&z}, {&out}, 1, [&](Index, Index, const auto& in, auto& to) {
                    auto work = r.workspace();
                    r.push(in[0], to[0], work);
                });
                return out;
            },
            "z"_a, "xi = m + C^{1/2} z, (rows, W).");
    m.def(
        "diagonal_reference",
        [](const Array& variance) { return std::make_shared<Reference>(to_vector(variance)); },
        "variance"_a, "xi = variance^{1/2} z.");
    m.def(
        "low_rank_reference",
        [](const Array& centre, const Array& basis, const Array& variance) {
            return std::make_shared<Reference>(to_vector(centre), to_matrix(basis),
                                               to_vector(variance));
        },
        "centre"_a, "basis"_a, "variance"_a,
        "xi = centre + (I + V (variance^{1/2} - 1) V') z, V = basis with orthonormal columns.");
}

}  // namespace m4dl::bind
