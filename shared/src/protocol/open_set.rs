/// An enum over a set of wire values that may grow: what is not known is kept in `Other`.
macro_rules! open_set {
    (
        $(#[$about:meta])*
        pub enum $name:ident { $( $(#[$doc:meta])* $variant:ident = $wire:literal, )+ }
    ) => {
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $( $(#[$doc])* $variant, )+
            /// A value that this version does not know, as it came.
            Other(String),
        }

        impl $name {
            /// The values that this version knows, in the order of the documents.
            pub const KNOWN: &[&str] = &[$($wire),+];

            /// The value of this name; never fails, the set is open.
            pub fn from_wire(name: &str) -> Self {
                match name {
                    $( $wire => Self::$variant, )+
                    other => Self::Other(other.to_owned()),
                }
            }

            /// The name as it stands on the wire.
            pub fn as_str(&self) -> &str {
                match self {
                    $( Self::$variant => $wire, )+
                    Self::Other(name) => name,
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

pub(super) use open_set;
